// When a timer is kicked, and by which code: seen by the version of the timer, which is another one after each kick.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Lease, WatchdogQueue, WatchdogTimer } from '../../../lib'
import type { Incarnation } from '../../../lib/queue/incarnation/incarnation'
import type { Store } from '../../../lib/queue/store/store'
import { eventually } from '../../support/eventually'
import { inspect } from '../../support/inspection'
import { connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

const TIMER_MS = 50
/** Kicks that come closer to each other are one. */
const PAUSE_MS = TIMER_MS / 10

describe('The timer of a worker', () => {
  let queue: WatchdogQueue
  let timer: WatchdogTimer
  let store: Store
  let incarnation: Incarnation
  let path: string

  beforeEach(async () => {
    const directory = join(tempDir(), 'queue')
    queue = await connect(directory)
    await queue.createQueue({ queue: ['a', 'b', 'c', 'd'], timerMs: TIMER_MS, sealed: false })
    timer = await queue.createTimer('worker')
    ;({ store, incarnation } = await inspect(directory))
    const [wid] = (await store.list(incarnation.at('timers')))!
    path = incarnation.at('timers', wid!)
  })

  async function version(): Promise<number> {
    await store.sync()
    return (await store.get(path))!.version
  }

  /** Does `work` as soon as a kick would be a write again; returns the version before. */
  async function rested(work: () => Promise<unknown>): Promise<number> {
    const before = await version()
    await delay(2 * PAUSE_MS)
    await work()
    return before
  }

  async function assertKicks(work: () => Promise<unknown>): Promise<void> {
    const before = await rested(work)
    await eventually(async () => (await version()) !== before, 'a kick')
  }

  async function allLeased(): Promise<Lease[]> {
    const leases: Lease[] = []
    for (let lease = await timer.lease(); lease !== undefined; lease = await timer.lease()) leases.push(lease)
    return leases
  }

  it('is kicked by kick(), by each lease, and by whatever ends one', async () => {
    const leases: Lease[] = []
    const lease = async () => leases.push((await timer.lease())!)

    await assertKicks(() => timer.kick())
    await assertKicks(lease)
    await assertKicks(() => leases[0]!.ack())
    await assertKicks(lease)
    await assertKicks(() => leases[1]!.nack())
    await assertKicks(lease)
    await assertKicks(() => leases[2]!.release())
  })

  it('is kicked by a worker that waits for an item with none in its hands', async () => {
    for (const lease of await allLeased()) await lease.ack()

    const stop = new AbortController()
    const before = await version()
    const waiting = timer.lease({ waitMs: 60_000, signal: stop.signal })
    await eventually(async () => (await version()) !== before, 'a kick')
    const later = await version()
    await eventually(async () => (await version()) !== later, 'another kick')
    stop.abort()

    await assert.rejects(waiting, { name: 'AbortError' })
  })

  it('is not kicked by a worker that waits for an item while it has one: only its own kick() counts', async () => {
    const leases = await allLeased()

    const before = await rested(() => timer.lease({ waitMs: 10 * PAUSE_MS }))

    assert.equal(await version(), before)

    for (const lease of leases) await lease.ack()
    await assertKicks(() => timer.lease({ waitMs: 10 * PAUSE_MS }))
  })

  it('shows the newest progress, though it came too soon for a write of its own', async () => {
    await assertKicks(() => timer.kick('old'))

    for (const progress of ['older', 'newer', 'newest']) await timer.kick(progress)

    await eventually(async () => (await queue.getTimers())[0]!.progress === 'newest', 'the newest progress')
  })
})
