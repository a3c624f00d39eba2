// The reaper takes the timer of a silent worker in several steps, and other processes go on
// between them. Each test lets them do so at one exact step.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { WatchdogError, type WatchdogQueue } from '../../../lib'
import { openStore } from '../../../lib/queue/connect'
import { attach } from '../../../lib/queue/incarnation/attach'
import { Incarnation } from '../../../lib/queue/incarnation/incarnation'
import { PageSet } from '../../../lib/queue/items/page-set'
import { AttachedQueue } from '../../../lib/queue/members/attached-queue'
import { decodeMember, encodeMember, type Member } from '../../../lib/queue/members/member'
import { Reaper } from '../../../lib/queue/members/reaper'
import { consume } from '../../../lib/queue/page-state/page-state'
import { ANY_VERSION, type Store } from '../../../lib/queue/store/store'
import { WatchdogTimer } from '../../../lib/queue/worker/timer'
import { EMPTY } from '../../../lib/util/bytes'
import { eventually } from '../../support/eventually'
import { inspect } from '../../support/inspection'
import { interleaved, type StoreCall } from '../../support/interleaved-store'
import { connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

/** Passes in silence before a worker is taken for silent. */
const TIMER_MS = 100

describe('The reaper of a queue with a silent worker', () => {
  let queue: WatchdogQueue
  let worker: WatchdogQueue
  let silent: WatchdogTimer
  let store: Store
  let incarnation: Incarnation

  beforeEach(async () => {
    const directory = join(tempDir(), 'queue')
    queue = await connect(directory)
    // Not 'requeue': the worker's own process would take the timer away as well, and be first now and then.
    await queue.createQueue({ queue: ['a'], timerMs: TIMER_MS })
    worker = await connect(directory)
    silent = await worker.createTimer('silent')
    ;({ store, incarnation } = await inspect(directory))
  })

  /** Looks after the queue until `before` says that it was long enough: then the look at hand is the last. */
  async function keep(before: (call: StoreCall) => Promise<'last' | undefined>): Promise<void> {
    const kept = interleaved(store, async (call) => {
      if ((await before(call)) === 'last') release()
    })
    const keptIncarnation = requeuing(await attach(kept, {}))
    const reaper = new Reaper(keptIncarnation, new PageSet(keptIncarnation))
    const release = reaper.hold()
    await reaper.idle()
  }

  function requeuing({ store, id, capability, settings }: Incarnation): Incarnation {
    return new Incarnation(store, id, capability, { ...settings, onExpire: 'requeue' })
  }

  function isOf(what: 'timers' | 'members', method: StoreCall['method'], call: StoreCall): boolean {
    return call.method === method && call.path.startsWith(incarnation.at(what, ''))
  }

  async function member(): Promise<Member> {
    const [wid] = (await store.list(incarnation.at('members')))!
    return decodeMember((await store.get(incarnation.at('members', wid!)))!.data)!
  }

  async function states(): Promise<string[]> {
    return (await queue.getTimers()).map(({ state }) => state)
  }

  for (const code of ['ERR_TIMEOUT', 'ERR_NO_SPACE', 'ERR_SYSTEM'] as const) {
    it(`goes on when a step of it has ended with ${code}`, async () => {
      let hasFailed = false

      await keep(async (call) => {
        if (isOf('members', 'set', call) && !hasFailed) {
          hasFailed = true
          throw new WatchdogError(code, 'not now')
        }
        return isOf('timers', 'delete', call) ? 'last' : undefined
      })

      assert.equal((await member()).status, 'expired')
    })
  }

  /** It is gone without a word, as when its process is killed. */
  async function die(): Promise<void> {
    const [wid] = (await store.list(incarnation.at('timers')))!
    await store.delete(incarnation.at('timers', wid!), ANY_VERSION)
  }

  it('takes its timer and its lease', async () => {
    await silent.lease()

    await keep(async (call) => (isOf('timers', 'delete', call) ? 'last' : undefined))

    assert.deepEqual([await silent.kick(), silent.signal.aborted], [false, true])
    assert.deepEqual(await states(), ['expired'])
    assert.equal((await queue.counts()).leased, 0)
  })

  it('leaves it alone when it kicks after the last look, and no mark on it', async () => {
    const lease = await silent.lease()

    await keep(async (call) => {
      if (!isOf('timers', 'delete', call)) return undefined
      assert.equal((await member()).expiring === undefined, false)
      assert.equal(await silent.kick(), true)
      return 'last'
    })

    const { status, expiring } = await member()
    assert.deepEqual([status, expiring], ['running', undefined])
    assert.equal(await silent.kick(), true)
    await lease!.ack()
    assert.equal((await queue.counts()).done, 1)
  })

  it('takes nothing from one that ends after the last look: it has finished, and not expired', async () => {
    await keep(async (call) => {
      if (!isOf('members', 'set', call)) return undefined
      await silent.end()
      return 'last'
    })

    assert.deepEqual(await states(), ['finished'])
  })

  it('does not keep a worker from its good end by a mark that comes in between', async () => {
    const wid = 'ending'
    const running = { ...(await member()), id: wid }
    await store.create(incarnation.at('members', wid), encodeMember(running))
    await store.create(incarnation.at('timers', wid), EMPTY, { ephemeral: true })
    let marks = 0
    const ending = interleaved(store, async (call) => {
      if (!isOf('members', 'set', call) || marks++ > 0) return
      await store.set(call.path, encodeMember({ ...running, expiring: 1 }), ANY_VERSION)
    })

    await new WatchdogTimer(new AttachedQueue(await attach(ending, {})), wid, wid).end()

    const { status } = decodeMember((await store.get(incarnation.at('members', wid)))!.data)!
    assert.deepEqual([status, marks], ['done', 2])
  })

  for (const [what, leases] of [
    ['held an item', 1],
    ['held nothing', 0],
  ] as const) {
    it(`looks again as soon as it has died, and wakes the waiting worker, where it ${what}`, async () => {
      if (leases > 0) await silent.lease()
      let notifications = 0

      await keep(async (call) => {
        if (call.method === 'set' && call.path === incarnation.at('signal')) notifications++
        if (notifications === 0 || call.method !== 'list' || call.path !== incarnation.at('timers'))
          return undefined
        await die()
        // What was seen in this turn of the event loop is not looked at again.
        await nextTurn()
        return 'last'
      })

      assert.equal(notifications, 2)
      assert.deepEqual(await queue.counts(), {
        total: 1,
        ready: 1,
        delayed: 0,
        leased: 0,
        done: 0,
        dead: 0,
        failed: leases,
        retried: leases,
      })
    })
  }

  it('looks again when it is told that a timer came or went, long before it would of itself', async () => {
    let looks = 0
    const kept = interleaved(store, async ({ method, path }) => {
      if (method === 'list' && path === incarnation.at('timers')) looks++
    })
    const told = new Map<string, () => void>()
    kept.watch = async (path, kind, listener) => {
      told.set(`${kind} of ${path}`, listener)
      return () => {}
    }
    const patient = new Incarnation(kept, incarnation.id, incarnation.capability, {
      ...incarnation.settings,
      timerMs: 600_000,
    })
    const reaper = new Reaper(patient, new PageSet(patient))
    const release = reaper.hold()
    await eventually(() => looks >= 2, 'the look at the timers, and that at the pages')
    await nextTurn()

    told.get(`children of ${incarnation.at('timers')}`)!()

    await eventually(() => looks > 2, 'another look')
    release()
    await reaper.idle()
  })

  it('takes nothing from a worker that came during the look', async () => {
    const other = await openStore(store.url, {})
    const others = await attach(other, {})
    const newcomer = others.at('timers', 'newcomer')
    const claim = { token: 't', wid: 'newcomer', max: 1 }

    await keep(async (call) => {
      if (call.method !== 'get' || call.path !== incarnation.at('states', 'p00000')) return undefined
      if ((await other.create(newcomer, EMPTY, { ephemeral: true })) === 'created') {
        await new PageSet(others).chooser.claim(claim, () => {})
      }
      return 'last'
    })

    assert.equal((await queue.counts()).leased, 1)
    await other.close()
  })

  it('is done once all that wait have let go, and not when one has done so twice', async () => {
    const reaper = new Reaper(requeuing(incarnation), new PageSet(incarnation))
    const [one, another] = [reaper.hold(), reaper.hold()]

    one()
    one()
    await eventually(async () => (await member()).status === 'expired', 'the silent worker to expire')
    another()

    await reaper.idle()
  })

  describe('and is killed after the mark', () => {
    beforeEach(async () => {
      await keep(async (call) => {
        if (isOf('timers', 'delete', call)) throw new WatchdogError('ERR_CLOSED', 'killed here')
        return undefined
      })
      assert.equal((await member()).status, 'running')
    })

    it('leaves a worker that is silent for good, and is told to have expired when its timer goes', async () => {
      await die()

      assert.deepEqual(await states(), ['expired'])
    })

    it('has the mark taken off by the next reaper, if the worker has kicked since', async () => {
      assert.equal(await silent.kick(), true)
      let looks = 0

      await keep(async (call) => {
        await silent.kick()
        if (call.method === 'list' && call.path === incarnation.at('members') && ++looks > 1) return 'last'
        return undefined
      })
      assert.equal((await member()).expiring, undefined)
      await die()

      assert.deepEqual(await states(), ['died'])
    })
  })
})

describe('The reaper of a queue that was left unfinished', () => {
  let queue: WatchdogQueue
  let store: Store
  let incarnation: Incarnation
  let page: string

  beforeEach(async () => {
    const directory = join(tempDir(), 'queue')
    queue = await connect(directory)
    await queue.createQueue({ queue: ['a'], timerMs: TIMER_MS })
    ;({ store, incarnation } = await inspect(directory))
    ;[page] = (await store.list(incarnation.at('open'))) as [string]
  })

  /** The last item is done; whose it was goes no further. */
  async function complete(): Promise<void> {
    await new PageSet(incarnation).states.writer(page).submit<unknown>({
      name: 'consume',
      apply: (state) => consume(state, { handle: 'h', seq: 1, source: 'fresh' }),
    })
  }

  it('looks through the pages again and again, though nobody dies', async () => {
    const waiting = queue.waitDone({ timeoutMs: 30_000 })
    await eventually(async () => (await store.get(incarnation.at('signal')))!.version > 0, 'the first look')

    await complete()

    assert.equal((await waiting).done, 1)
  })

  it('closes a page whose last item was acked, and says that all is done', async () => {
    await complete()

    const report = await queue.waitDone({ timeoutMs: 30_000 })

    assert.equal(report.done, 1)
    assert.equal(await store.list(incarnation.at('open')), undefined)
  })

  it('says that all is done when the last page was closed', async () => {
    await complete()
    await store.delete(incarnation.at('open', page), ANY_VERSION)

    const report = await queue.waitDone({ timeoutMs: 30_000 })

    assert.equal(report.done, 1)
    assert.equal(await store.list(incarnation.at('open')), undefined)
  })
})
