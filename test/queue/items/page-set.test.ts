// A page ends, and comes to life again, in several steps, and other processes go on between them: each test
// lets one do so at one exact step, or ends there.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { WatchdogError, type WatchdogQueue } from '../../../lib'
import { attach } from '../../../lib/queue/incarnation/attach'
import type { Incarnation } from '../../../lib/queue/incarnation/incarnation'
import { PageSet } from '../../../lib/queue/items/page-set'
import { consume } from '../../../lib/queue/page-state/page-state'
import type { Store } from '../../../lib/queue/store/store'
import { inspect } from '../../support/inspection'
import { interleaved, type StoreCall } from '../../support/interleaved-store'
import { collect, connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

const PAGE = 'p00000'
const killed = () => new WatchdogError('ERR_CLOSED', 'killed here')

describe('A page of a queue', () => {
  let queue: WatchdogQueue
  let store: Store
  let incarnation: Incarnation

  beforeEach(async () => {
    const directory = join(tempDir(), 'queue')
    queue = await connect(directory)
    await queue.createQueue({ queue: ['a'], maxAttempts: 1 })
    ;({ store, incarnation } = await inspect(directory))
  })

  /** The pages as another process sees them, to which something happens right before each of its calls. */
  async function pages(before: (call: StoreCall) => Promise<void> = async () => {}): Promise<PageSet> {
    return new PageSet(await attach(interleaved(store, before), {}))
  }

  /** Leases the item and fails with it, for good; `before` may end it there. */
  async function fail(before?: (call: StoreCall) => Promise<void>): Promise<void> {
    const worker = await pages(before)
    const claim = { token: 't', wid: 'w', max: 1 }
    assert.notEqual(typeof (await worker.chooser.claim(claim, () => {})), 'string')
    const nack = { token: 't', index: 0, as: 'nack' as const, letter: { attempts: 1 }, inDoubt: false }
    assert.equal(await worker.settlements.settle(PAGE, nack), 'dead')
  }

  async function assertLeasable(): Promise<void> {
    const lease = await (await queue.createTimer('worker')).lease()
    assert.equal(lease?.item, 'a')
    await lease.ack()
    assert.equal((await queue.waitDone({ timeoutMs: 30_000 })).done, 1)
  }

  it('stays open when its dead item gets a new life while it is closed', async () => {
    await fail(async ({ method, path }) => {
      if (method !== 'delete' || path !== incarnation.at('open', PAGE)) return
      assert.equal(await (await pages()).settlements.redrive(PAGE, [0]), 1)
    })

    await assertLeasable()
  })

  it('is open when its dead item gets a new life, though somebody closed it just before', async () => {
    await fail()
    const redriver = await pages(async ({ method, path }) => {
      if (method === 'set' && path === incarnation.at('states', PAGE)) await (await pages()).open.finish(PAGE)
    })

    assert.equal(await redriver.settlements.redrive(PAGE, [0]), 1)

    await assertLeasable()
  })

  it('is open when its dead item gets a new life from a redriver that is killed right then', async () => {
    await fail()
    let isWritten = false
    const redriver = await pages(async ({ method, path }) => {
      if (isWritten) throw killed()
      isWritten = method === 'set' && path === incarnation.at('states', PAGE)
    })

    await assert.rejects(redriver.settlements.redrive(PAGE, [0]), { code: 'ERR_CLOSED' })

    await assertLeasable()
  })

  it('is closed, and the queue done, by the worker that looks for an item where the last one was acked by one that went no further', async () => {
    await (await pages()).states.writer(PAGE).submit<unknown>({
      name: 'consume',
      apply: (state) => consume(state, { handle: 'h', seq: 1, source: 'fresh' }),
    })

    const looked = await (await pages()).chooser.claim({ token: 't', wid: 'w', max: 1 }, () => {})

    assert.equal(looked, 'done')
    assert.equal(await store.list(incarnation.at('open')), undefined)
  })

  it('has the newest letter of an item that died twice, though the old one was still there', async () => {
    await store.create(incarnation.at('dead', `${PAGE}-0`), Buffer.from(JSON.stringify({ attempts: 7 })))

    await fail()

    assert.deepEqual(
      (await collect(queue.deadLetters())).map(({ attempts }) => attempts),
      [1],
    )
  })

  it('has its dead letter on record before its item is dead', async () => {
    await assert.rejects(
      fail(async ({ method, path }) => {
        if (method === 'create' && path.startsWith(incarnation.at('dead'))) throw killed()
      }),
      { code: 'ERR_CLOSED' },
    )

    assert.equal((await queue.counts()).dead, 0)
  })

  it('can be read after it once could not', async () => {
    let isBroken = true
    const reader = await pages(async ({ path }) => {
      if (isBroken && path === incarnation.at('pages', PAGE)) throw killed()
    })
    await assert.rejects(reader.items.item(PAGE, 0), { code: 'ERR_CLOSED' })

    isBroken = false

    assert.equal(await reader.items.item(PAGE, 0), 'a')
  })
})
