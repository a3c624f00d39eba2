// Acks of one claim share a step and a write. Each must still be told what became of its own item, also when
// an answer was lost, or some of the items were.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { WatchdogError, type WatchdogQueue, type WatchdogTimer } from '../../../lib'
import { attach } from '../../../lib/queue/incarnation/attach'
import type { Incarnation } from '../../../lib/queue/incarnation/incarnation'
import { PageSet } from '../../../lib/queue/items/page-set'
import type { SetOutcome, Store } from '../../../lib/queue/store/store'
import { inspect } from '../../support/inspection'
import { interleaved, type StoreCall } from '../../support/interleaved-store'
import { connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

const PAGE = 'p00000'
const ITEMS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const TOKEN = 't'

describe('Acks of one claim', () => {
  let queue: WatchdogQueue
  let store: Store
  let incarnation: Incarnation

  beforeEach(async () => {
    const directory = join(tempDir(), 'queue')
    queue = await connect(directory)
    await queue.createQueue({ queue: ITEMS })
    ;({ store, incarnation } = await inspect(directory))
  })

  const isStateWrite = ({ method, path }: StoreCall) =>
    method === 'set' && path.startsWith(incarnation.at('states'))

  /** The pages as another process sees them, all items of which are leased to it. */
  async function holder(over: Store = store): Promise<PageSet> {
    const pages = new PageSet(await attach(over, {}))
    const claimed = await pages.chooser.claim({ token: TOKEN, wid: 'w', max: ITEMS.length }, () => {})
    assert.notEqual(typeof claimed, 'string')
    return pages
  }

  function ack(pages: PageSet, index: number, how: { inDoubt?: boolean; mayWait?: boolean } = {}) {
    const { inDoubt = false, mayWait = true } = how
    return pages.settlements.ack(PAGE, { token: TOKEN, index, inDoubt, mayWait })
  }

  /** A store whose first answer to a write of the state never comes; whether the write was made says `isMade`. */
  function losingAnAnswer(isMade: boolean): { lossy: Store; lose(): void } {
    let isArmed = false
    const lossy: Store = Object.create(store)
    const set: Store['set'] = async (path, data, version, options): Promise<SetOutcome> => {
      if (!isArmed || !path.startsWith(incarnation.at('states')))
        return store.set(path, data, version, options)
      isArmed = false
      if (isMade) await store.set(path, data, version, options)
      return { kind: 'conflict', maybeApplied: true }
    }
    for (const method of ['get', 'info', 'list', 'create', 'delete', 'sync'] as const) {
      Object.defineProperty(lossy, method, { value: (store[method] as () => unknown).bind(store) })
    }
    Object.defineProperty(lossy, 'set', { value: set })
    Object.defineProperty(lossy, 'url', { value: store.url })
    return {
      lossy,
      lose: () => {
        isArmed = true
      },
    }
  }

  async function doneItems(): Promise<number> {
    return (await queue.counts()).done
  }

  it('are one write, when they come in one turn of the event loop', async () => {
    let writes = 0
    const pages = await holder(
      interleaved(store, async (call) => {
        if (isStateWrite(call)) writes++
      }),
    )
    writes = 0

    const outcomes = await Promise.all(
      ITEMS.map(async (_, index) => {
        // Each some microtasks later than the one before.
        for (let i = 0; i < 3 * index; i++) await undefined
        return ack(pages, index)
      }),
    )

    assert.deepEqual(new Set(outcomes), new Set(['settled']))
    assert.equal(writes, 1)
    assert.equal(await doneItems(), ITEMS.length)
  })

  it('do not wait for the turn when one of them is the last at hand', async () => {
    let hasTurned = false
    const turnedAtWrite: boolean[] = []
    const pages = await holder(
      interleaved(store, async (call) => {
        if (isStateWrite(call)) turnedAtWrite.push(hasTurned)
      }),
    )
    setImmediate(() => {
      hasTurned = true
    })

    const early = ack(pages, 0)
    await ack(pages, 1, { mayWait: false })

    assert.deepEqual(turnedAtWrite.slice(1), [false])
    assert.equal(await early, 'settled')
  })

  it('that come while a write is on its way are in the next one', async () => {
    let meanwhile = () => {}
    const pages = await holder(
      interleaved(store, async (call) => {
        if (isStateWrite(call)) meanwhile()
      }),
    )
    const late: Promise<string>[] = []
    meanwhile = () => {
      meanwhile = () => {}
      late.push(ack(pages, 1), ack(pages, 2))
    }

    assert.equal(await ack(pages, 0), 'settled')
    assert.deepEqual(await Promise.all(late), ['settled', 'settled'])
    assert.equal(await doneItems(), 3)
  })

  it('are told apart: one that was settled before is lost, the others are not', async () => {
    const pages = await holder()
    await ack(pages, 3)

    const outcomes = await Promise.all([ack(pages, 2), ack(pages, 3), ack(pages, 4)])

    assert.deepEqual(outcomes, ['settled', 'lost', 'settled'])
    assert.equal(await doneItems(), 3)
  })

  it('believe whom an earlier try left in doubt, and nobody else', async () => {
    const pages = await holder()
    await Promise.all([ack(pages, 3), ack(pages, 4)])

    const outcomes = await Promise.all([ack(pages, 3, { inDoubt: true }), ack(pages, 4), ack(pages, 5)])

    assert.deepEqual(outcomes, ['settled', 'lost', 'settled'])
  })

  for (const isMade of [true, false]) {
    it(`are settled once when the answer is lost to a write that was ${isMade ? '' : 'not '}made`, async () => {
      const { lossy, lose } = losingAnAnswer(isMade)
      const pages = await holder(lossy)

      lose()
      const outcomes = await Promise.all([ack(pages, 0), ack(pages, 1)])

      assert.deepEqual(outcomes, ['settled', 'settled'])
      assert.equal(await doneItems(), 2)
    })
  }

  it('are all lost when the answer was, and the claim was taken away before the write', async () => {
    const { lossy, lose } = losingAnAnswer(false)
    const pages = await holder(lossy)
    await new PageSet(incarnation).settlements.reap(PAGE, (wid) => wid === 'w')

    lose()
    const outcomes = await Promise.all([ack(pages, 0), ack(pages, 1)])

    assert.deepEqual(outcomes, ['lost', 'lost'])
  })

  it('fail together when the state cannot be written, or not even read, and can be tried again', async () => {
    let isBroken = false
    const pages = await holder(
      interleaved(store, async ({ path }) => {
        if (isBroken && path.startsWith(incarnation.at('states')))
          throw new WatchdogError('ERR_CONNECTION', 'cut')
      }),
    )
    const tryBoth = () => Promise.allSettled([ack(pages, 0), ack(pages, 1)])

    isBroken = true
    const unwritten = await tryBoth()
    const unread = await tryBoth()
    isBroken = false

    for (const one of [...unwritten, ...unread]) {
      assert.equal(one.status === 'rejected' && one.reason.code, 'ERR_CONNECTION')
    }
    assert.deepEqual(await Promise.all([ack(pages, 0), ack(pages, 1)]), ['settled', 'settled'])
  })

  it('of leases() leave the event loop its turns, and are on record when they resolve', async () => {
    const timer: WatchdogTimer = await queue.createTimer('worker')
    const acks: Promise<void>[] = []

    for await (const lease of timer.leases()) {
      acks.push(lease.ack())
      if (acks.length === ITEMS.length) break
    }
    await Promise.all(acks)

    assert.equal(await doneItems(), ITEMS.length)
    assert.equal((await queue.waitDone({ timeoutMs: 30_000 })).done, ITEMS.length)
  })
})
