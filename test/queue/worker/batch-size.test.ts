// How many items are leased at once.

import assert from 'node:assert/strict'
import type { AttachedQueue } from '../../../lib/queue/members/attached-queue'
import { BatchSize } from '../../../lib/queue/worker/batch-size'

/** A queue with so many items left, and one worker. */
function queueOf(estimate: number): AttachedQueue {
  const incarnation = { store: { info: async () => ({ children: 1 }) }, at: () => 'timers' }
  return { pages: { chooser: { estimate } }, incarnation } as unknown as AttachedQueue
}

describe('The size of a batch', () => {
  const HOUR = 3_600_000

  function take(batch: BatchSize, available = Number.POSITIVE_INFINITY): number {
    const asked = batch.sizeNow()
    batch.begin(Math.min(asked, available))
    batch.end()
    return asked
  }

  it('doubles while batches end soon, up to its limit and to a fair share of what is left', () => {
    const sizes = (estimate: number) => {
      const batch = new BatchSize(queueOf(estimate), { max: 50, ms: HOUR })
      return Array.from({ length: 8 }, () => take(batch))
    }

    assert.deepEqual(sizes(1_000_000), [1, 2, 4, 8, 16, 32, 50, 50])
    assert.deepEqual(sizes(40), [1, 2, 4, 8, 10, 10, 10, 10])
  })

  it('is no smaller after a batch that was short for want of items', () => {
    const batch = new BatchSize(queueOf(1_000_000), { max: 500, ms: HOUR })
    for (const _ of [1, 2, 4, 8]) take(batch)

    assert.equal(take(batch, 1), 16)
    assert.equal(take(batch), 16)
    assert.equal(take(batch), 32)
  })

  it('is one where an item takes too long, and after a reset', () => {
    const batch = new BatchSize(queueOf(1_000_000), { max: 500, ms: 0 })

    assert.deepEqual([take(batch), take(batch)], [1, 1])
    const fast = new BatchSize(queueOf(1_000_000), { max: 500, ms: HOUR })
    for (const _ of [1, 2, 4]) take(fast)
    fast.reset()
    assert.equal(take(fast), 1)
  })
})
