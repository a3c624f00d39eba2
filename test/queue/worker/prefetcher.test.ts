// Prefetched items, and the log of their acks, where more than one thing happens on a timer at once, or the
// store fails in the middle.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { WatchdogError, type WatchdogQueue } from '../../../lib'
import { openStore } from '../../../lib/queue/connect'
import { attach } from '../../../lib/queue/incarnation/attach'
import type { TakenFrom } from '../../../lib/queue/items/page-chooser'
import { PageSet } from '../../../lib/queue/items/page-set'
import { AttachedQueue } from '../../../lib/queue/members/attached-queue'
import type { Taken } from '../../../lib/queue/page-state/page-state'
import * as ranges from '../../../lib/queue/page-state/ranges'
import type { Store } from '../../../lib/queue/store/store'
import { WatchdogTimer } from '../../../lib/queue/worker/timer'
import { EMPTY } from '../../../lib/util/bytes'
import { eventually } from '../../support/eventually'
import { interleaved, type StoreCall } from '../../support/interleaved-store'
import { connect } from '../../support/queue'
import { quickWork } from '../../support/quick-work'
import { tempDir } from '../../support/temp-dir'

const ITEMS = 4000
const WID = 'w~0123456789ab'

describe('The prefetcher of a worker', () => {
  let directory: string
  let queue: WatchdogQueue
  let store: Store
  let timer: WatchdogTimer
  let restore: () => void
  /** What happens right before a call of the timer's store. */
  let before: (call: StoreCall) => Promise<void>

  beforeEach(async () => {
    restore = quickWork()
    directory = path.join(tempDir(), 'queue')
    queue = await connect(directory)
    await queue.createQueue({ queue: Array.from({ length: ITEMS }, (_, i) => String(i)) })
    before = async () => {}
    store = await openStore(directory, {})
    const attached = new AttachedQueue(
      await attach(
        interleaved(store, (call) => before(call)),
        {},
      ),
    )
    await store.create(attached.incarnation.at('timers', WID), EMPTY, { ephemeral: true })
    timer = new WatchdogTimer(attached, 'w', WID)
  })

  afterEach(async () => {
    restore()
    before = async () => {}
    await store.close()
  })

  const log = () => path.join(directory, 'queue', `acks-${WID}`)
  const logged = () => fs.statSync(log(), { throwIfNoEntry: false })?.size ?? 0

  async function ackOne(): Promise<void> {
    const lease = await timer.lease()
    await lease!.ack()
  }

  /** Acks items one after the other until an ack of a prefetched claim went to the log; says how many. */
  async function ackUntilLogged(most = ITEMS): Promise<number> {
    for (let acked = 1; acked <= most; acked++) {
      const size = logged()
      await ackOne()
      if (logged() > size) return acked
    }
    return most
  }

  async function claimAllBut(count: number): Promise<void> {
    const pages = new PageSet(await attach(store, {}))
    for (let left = ITEMS - count; left > 0; ) {
      const claimed = await pages.chooser.claim({ token: `x${left}`, wid: 'x', max: left }, () => {})
      left -= ranges.size((claimed as TakenFrom<Taken>).result.items)
    }
  }

  const failing = (what: string) => async (call: StoreCall) => {
    if (call.method === 'set' && call.path.includes(what)) throw new WatchdogError('ERR_TIMEOUT', 'held')
  }

  it('are all done or given back when several loops have leased on one timer', async () => {
    let acked = 0
    // Each works for another number of microtasks, so that they meet in every way.
    const loop = async (_: unknown, which: number) => {
      for (let n = which; acked < ITEMS / 2; n++) {
        const lease = await timer.lease()
        for (let i = (n * (which + 1)) % 7; i > 0; i--) await undefined
        await lease!.ack()
        acked++
      }
    }

    await Promise.all([1, 2, 3].map(loop))
    await timer.end()

    const { done, leased } = await queue.counts()
    assert.deepEqual({ done, leased }, { done: acked, leased: 0 })
  })

  it('are waited for by their timer while they are on their way back, where there is nothing else', async () => {
    await claimAllBut(5)
    for (let acked = 0; acked < 4; acked++) await ackOne()
    let asked: Promise<unknown> | undefined
    before = async ({ method, path }) => {
      if (method !== 'set' || !path.includes('/states/')) return
      before = async () => {}
      asked = timer.lease()
      for (let turn = 0; turn < 10; turn++) await nextTurn()
    }

    await eventually(() => asked !== undefined, 'the fifth to be given back')

    assert.notEqual(await asked, undefined)
  })

  it('stay done when their timer is ended while a loop goes on', async () => {
    let acked = await ackUntilLogged()
    before = async ({ method, path }) => {
      if (method !== 'get' || !path.includes('/members/')) return
      before = async () => {}
      acked += await ackUntilLogged(100)
    }

    await timer.end()

    assert.equal((await queue.counts()).done, acked)
  })

  it('tell of a failed ack that it may have been made when an earlier try may have been', async () => {
    const lease = await timer.lease()
    before = async ({ method, path }) => {
      if (method !== 'set' || !path.includes('/states/')) return
      before = failing('/states/')
      throw new WatchdogError('ERR_SYSTEM', 'somewhere in the middle', { maybeApplied: true })
    }

    await assert.rejects(lease!.ack(), { code: 'ERR_SYSTEM', maybeApplied: true })
    await assert.rejects(lease!.ack(), { code: 'ERR_TIMEOUT', maybeApplied: true })
    before = async () => {}
    await lease!.ack()

    assert.equal((await queue.counts()).done, 1)
  })

  it('can be nacked again when it was on record and only the others were not told', async () => {
    const lease = await timer.lease()
    before = failing('/signal')

    await assert.rejects(lease!.nack(), { code: 'ERR_TIMEOUT', maybeApplied: true })
    before = async () => {}
    await lease!.nack()

    const { leased, ready } = await queue.counts()
    assert.deepEqual({ leased, ready }, { leased: 0, ready: ITEMS })
  })

  it('are lost to an ack that is tried again after they were given back', async () => {
    const lease = await timer.lease()
    before = async ({ method, path }) => {
      if (method !== 'set' || !path.includes('/states/')) return
      before = async () => {}
      throw new WatchdogError('ERR_SYSTEM', 'somewhere in the middle', { maybeApplied: true })
    }
    await assert.rejects(lease!.ack(), { code: 'ERR_SYSTEM', maybeApplied: true })

    await timer.end()

    await assert.rejects(lease!.ack(), { code: 'ERR_LEASE_LOST' })
    assert.equal((await queue.counts()).ready, ITEMS)
  })

  it('fail whoever counts with an error of the queue where a log cannot be read', async () => {
    const pages = new PageSet(await attach(store, {}))
    const { pages: names } = (await pages.open.list())!
    await pages.chooser.claimFrom(names[0]!, { token: 't', wid: 'x~0123456789ab', max: 2, log: 1 })
    fs.mkdirSync(path.join(directory, 'queue', 'acks-x~0123456789ab'))

    await assert.rejects(queue.counts(), { name: 'WatchdogError', code: 'ERR_CORRUPT' })
  })

  it('are those that came back to a page, too, where it has no fresh ones, but for suspects', async () => {
    const pages = new PageSet(await attach(store, {}))
    const page = (await pages.open.list())!.pages[0]!
    const claim = (token: string) => pages.chooser.claimFrom(page, { token, wid: WID, max: 1000, log: 1 })
    const [[from, to]] = (await claim('first'))!.items as [ranges.Range]
    await pages.settlements.reap(page, () => true)

    const again = (await claim('second'))!

    assert.deepEqual(again.items, [[from + 1, to]])
    assert.equal(await claim('third'), undefined)
  })

  it('leave no descriptor behind when their timers have ended or were lost', async () => {
    const opened = () => fs.readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === log()).length
    await ackUntilLogged()
    const atWork = opened()

    timer.lose(new WatchdogError('ERR_NOT_FOUND', 'cleared'))

    assert.deepEqual([atWork, opened()], [1, 0])
  })
})

/** Where a descriptor leads; '' when it was that of the look itself. */
function linkOf(descriptor: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return ''
  }
}
