// What wakes a worker that sleeps. That it sleeps shows in its timer, which the library kicks again and again
// meanwhile: two kicks without a notification in between, and it has looked for items in vain and not since.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Lease, WatchdogQueue, WatchdogTimer } from '../../../lib'
import type { Incarnation } from '../../../lib/queue/incarnation/incarnation'
import type { Store } from '../../../lib/queue/store/store'
import { eventually } from '../../support/eventually'
import { inspect } from '../../support/inspection'
import { connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

describe('A worker that sleeps until there is an item', () => {
  let queue: WatchdogQueue
  let holder: WatchdogTimer
  let held: Lease
  let sleeper: WatchdogTimer
  let waiting: Promise<Lease | undefined>
  let store: Store
  let incarnation: Incarnation

  beforeEach(async () => {
    const directory = join(tempDir(), 'queue')
    queue = await connect(directory)
    await queue.createQueue({ queue: ['a'], timerMs: 60, maxAttempts: 2, sealed: false })
    holder = await queue.createTimer('holder')
    held = (await holder.lease())!
    sleeper = await (await connect(directory)).createTimer('sleeper')
    ;({ store, incarnation } = await inspect(directory))
    waiting = sleeper.lease({ waitMs: 60_000 })
    await asleep()
  })

  async function asleep(): Promise<void> {
    const wid = (await store.list(incarnation.at('timers')))!.find((name) => name.startsWith('sleeper'))!
    const versions = async () => {
      await store.sync()
      const [signal, timer] = [
        await store.get(incarnation.at('signal')),
        await store.get(incarnation.at('timers', wid)),
      ]
      return { notifications: signal!.version, kick: timer!.version }
    }
    // A worker that begins to wait looks through the pages once, and notifies then.
    await eventually(async () => (await versions()).notifications > 0, 'the first look')
    let seen = await versions()
    let kicks = 0
    await eventually(async () => {
      const now = await versions()
      if (now.notifications !== seen.notifications) kicks = 0
      else if (now.kick !== seen.kick) kicks++
      seen = now
      return kicks >= 2
    }, 'two kicks in a row')
  }

  it('wakes when an item was not done', async () => {
    await held.nack()

    assert.equal((await waiting)?.attempt, 2)
  })

  it('wakes when an item was given back', async () => {
    await held.release()

    assert.equal((await waiting)?.attempt, 1)
  })

  it('wakes when a worker has ended with an item in hand, which counts as given back', async () => {
    await holder.end()

    assert.equal((await waiting)?.attempt, 1)
  })

  it('wakes when items are added', async () => {
    await queue.add(['b'])

    assert.equal((await waiting)?.item, 'b')
    await held.ack()
  })

  it('wakes when the last item is done and none will be added', async () => {
    await held.ack()
    await queue.seal()

    assert.equal(await waiting, undefined)
  })

  it('wakes with ERR_CLOSED when its own timer is ended', async () => {
    const rejected = assert.rejects(waiting, { code: 'ERR_CLOSED' })

    await sleeper.end()

    await rejected
  })

  it('wakes when a dead item gets a new life', async () => {
    await held.nack()
    await (await waiting)!.nack()
    waiting = sleeper.lease({ waitMs: 60_000 })
    await asleep()

    await queue.redrive()

    assert.equal((await waiting)?.attempt, 1)
  })
})
