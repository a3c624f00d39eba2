// For how long the dead have been dead, as far as whoever looks now and then can know.

import assert from 'node:assert/strict'
import type { Cursor, Snapshot, WorkerEntry } from '../../lib/scoreboard/types'
import { DeadTimes } from '../../lib/view/dead-times'

function board(boardId: string, ...workers: Partial<WorkerEntry>[]): Snapshot {
  const all = workers.map((worker) => ({ epoch: 1, state: 'dead', ...worker }) as WorkerEntry)
  return { boardId, slots: 8, workers: all, cursor: {} as Cursor, takenAt: 0 }
}

const slotsOf = (workers: readonly WorkerEntry[]) => workers.map(({ slot }) => slot)

describe('The times of the dead', () => {
  it('begin when they are first seen, or when the board says; the living have none', () => {
    const times = new DeadTimes()
    const hour = 3_600_000
    const seen = board('a', { slot: 0 }, { slot: 1, deadForMs: 2 * hour }, { slot: 2, state: 'live' })

    const { fresh, old } = times.split(seen, hour)

    assert.deepEqual([slotsOf(fresh), slotsOf(old)], [[0], [1]])
    assert.deepEqual(slotsOf(times.split(seen, 0).old), [0, 1])
  })

  it('begin anew with another owner of the slot, and on another board', async () => {
    const times = new DeadTimes()
    times.split(board('a', { slot: 0 }), 0)
    const began = performance.now()
    while (performance.now() - began < 5) await new Promise(setImmediate)

    // By now slot 0 has been dead for longer than since `began`.
    const isOld = (seen: Snapshot) => times.split(seen, performance.now() - began).old.length === 1
    assert.ok(isOld(board('a', { slot: 0 })))
    assert.ok(!isOld(board('a', { slot: 0, epoch: 2 })))
    assert.ok(!isOld(board('b', { slot: 0, epoch: 2 })))
  })
})
