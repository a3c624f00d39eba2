// Totals, while workers and those that clean up after them are killed at random.

import assert from 'node:assert/strict'
import { Scoreboard } from '../../lib'
import { type Child, startReady } from '../support/child'
import { tempDir } from '../support/temp-dir'

const ROUNDS = 30

/** What a counting worker has acknowledged last; it may have added up to 1,000 more. */
async function acknowledged(worker: Child): Promise<number> {
  worker.process.send('go')
  const count = await worker.message<number>()
  return count
}

describe('totals, when workers and cleaners are killed at random', () => {
  it('have all that was acknowledged, nothing twice, and never fall', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({
      baseDir,
      slots: 4,
      counters: { done: 'counter' },
      sharedCounters: ['all'],
    })
    let low = 0
    let total = 0
    const check = () => {
      const { done } = board.totals()
      assert.ok(done! >= total, `the total fell from ${total} to ${done}`)
      total = done!
    }
    for (let round = 0; round < ROUNDS; round++) {
      const [cleaner, ...workers] = await Promise.all([
        startReady('cleaner', baseDir),
        startReady('counting-worker', baseDir, '1000000000'),
        startReady('counting-worker', baseDir, '1000000000'),
      ])
      const counts = await Promise.all(workers.map(acknowledged))
      check()

      await Promise.all([
        ...workers.map(async (worker) => {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
          await worker.killed()
        }),
        new Promise((resolve) => setTimeout(resolve, Math.random() * 4)).then(() => cleaner!.killed()),
      ])
      check()

      for (const count of counts) low += count
      assert.ok(total >= low, `${low} were acknowledged, the total is ${total}`)
      // The shared counter is raised right after the own one, so it is at most one behind for each worker.
      const shared = board.shared.get('all')
      assert.ok(total >= shared && total - shared <= 2 * (round + 1), `${total} counted, ${shared} shared`)
    }
    board.cleanup()
    check()
    const settled = total
    board.cleanup()
    check()

    assert.equal(total, settled)
    assert.deepEqual(board.snapshot({ includeDead: true }).workers, [])
  })
})
