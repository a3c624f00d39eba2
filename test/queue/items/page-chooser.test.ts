// Where a worker takes its items from while others work on the same pages: counted by what it asks the store.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { attach } from '../../../lib/queue/incarnation/attach'
import type { Incarnation } from '../../../lib/queue/incarnation/incarnation'
import { PageSet } from '../../../lib/queue/items/page-set'
import type { Taken } from '../../../lib/queue/page-state/page-state'
import type { Store } from '../../../lib/queue/store/store'
import { inspect } from '../../support/inspection'
import { interleaved } from '../../support/interleaved-store'
import { connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

/** As many as the first pages have. */
const PAGE_ITEMS = 100
const PAGES = 12

describe('A worker that others work beside', () => {
  let store: Store
  let incarnation: Incarnation
  /** What it has asked of states. */
  let asked: { method: string; page: string }[]
  /** Done by others right before its next write. */
  let meanwhile: (() => Promise<void>) | undefined
  let worker: PageSet
  let other: PageSet
  let tokens = 0

  async function makeQueue(pages: number): Promise<void> {
    const directory = join(tempDir(), 'queue')
    const queue = await connect(directory)
    await queue.createQueue({ queue: Array.from({ length: pages * PAGE_ITEMS }, (_, i) => `${i}`) })
    ;({ store, incarnation } = await inspect(directory))
    asked = []
    worker = new PageSet(
      await attach(
        interleaved(store, async ({ method, path }) => {
          const [, page] = path.split('/states/')
          if (page === undefined) return
          asked.push({ method, page })
          const before = meanwhile
          if (method !== 'set' || before === undefined) return
          meanwhile = undefined
          await before()
        }),
        {},
      ),
    )
    other = new PageSet(incarnation)
  }

  async function claim(pages: PageSet, max = 1): Promise<{ page: string; result: Taken }> {
    const request = { token: `t${tokens++}`, wid: pages === worker ? 'worker' : 'other', max }
    const taken = await pages.chooser.claim(request, () => {})
    if (typeof taken === 'string') assert.fail(taken)
    return taken
  }

  async function finish(pages: PageSet, { page, result }: { page: string; result: Taken }): Promise<void> {
    const indexes = result.items.flatMap(([from, to]) =>
      Array.from({ length: to - from }, (_, i) => from + i),
    )
    const ack = { token: result.token, inDoubt: false, mayWait: true }
    await Promise.all(indexes.map((index) => pages.settlements.ack(page, { ...ack, index })))
  }

  function writes(): string[] {
    return asked.filter(({ method }) => method === 'set').map(({ page }) => page)
  }

  it('leaves a page to whoever was faster, and keeps to the page that it takes instead', async () => {
    await makeQueue(PAGES)
    meanwhile = async () => void (await claim(other))

    const { page } = await claim(worker)
    await claim(other)
    for (let i = 0; i < 10; i++) assert.equal((await claim(worker)).page, page)

    assert.deepEqual(writes(), ['p00000', ...Array(11).fill(page)])
    assert.equal(asked.filter(({ method }) => method === 'get').length, 2)
  })

  it('writes to no page that others have begun, while there are others', async () => {
    await makeQueue(4)
    const begun: string[] = []
    meanwhile = async () => {
      const all = Array.from({ length: 3 }, (_, i) => `p0000${i}`)
      for (const page of all) {
        begun.push(page)
        const request = { token: `o${page}`, wid: 'other', max: 1 }
        assert.ok(await other.chooser.claimFrom(page, request))
      }
    }

    const { page } = await claim(worker)

    assert.equal(page, 'p00003')
    assert.deepEqual(writes(), ['p00000', 'p00003'])
  })

  it('takes from the pages of others where there is none of its own', async () => {
    await makeQueue(1)
    meanwhile = async () => void (await claim(other, 10))

    const { page, result } = await claim(worker, 5)

    assert.deepEqual([page, result.items], ['p00000', [[10, 15]]])
  })

  it('asks for no page that others have ended since', async () => {
    await makeQueue(PAGES)
    meanwhile = async () => finish(other, await claim(other))
    await finish(worker, await claim(worker, PAGE_ITEMS))
    for (let left = (PAGES - 1) * PAGE_ITEMS - 1; left > 0; ) {
      const taken = await claim(other, PAGE_ITEMS)
      left -= taken.result.items.reduce((sum, [from, to]) => sum + to - from, 0)
      await finish(other, taken)
    }
    asked = []

    assert.equal(await worker.chooser.claim({ token: 't', wid: 'worker', max: 1 }, () => {}), 'done')

    assert.ok(asked.length <= 2, asked.map(({ method, page }) => `${method} ${page}`).join(', '))
  })
})
