// What the page knows of the workers of a board, from one look to the next.

import assert from 'node:assert/strict'
import { KnownWorkers } from '../../lib/page/known-workers'
import type { Changes, Cursor, Vitals, WorkerEntry } from '../../lib/scoreboard/types'

const TAKEN_AT = 1_800_000_000_000
const LOOK = { boardId: 'ab', slots: 4, cursor: {} as Cursor, takenAt: TAKEN_AT }

function entry(change: Partial<WorkerEntry> = {}): WorkerEntry {
  const owner = { id: 'web-1', pid: 4242, threadId: 0, slot: 0, epoch: 1, state: 'live' as const }
  const times = { startedAt: TAKEN_AT - 9000, updatedAt: TAKEN_AT - 500, ageMs: 500 }
  return { ...owner, ...times, status: 'cooks', updates: 7, counters: {}, ...change }
}

const costs = (cpuPercent: number): Vitals => ({
  cpuPercent,
  cpuMs: 1,
  rssBytes: 64,
  threads: 1,
  procState: 'S',
})

function changes(worker: WorkerEntry): Changes {
  return { ...LOOK, workers: [{ ...worker, merged: 1, isNew: false }], gone: [] }
}

describe('What the page knows of what a worker costs', () => {
  const costOf = (workers: KnownWorkers) => workers.views().map(({ cpu, memory }) => [cpu, memory])

  it('is learnt without an update, and kept through the next one', () => {
    const workers = new KnownWorkers({ ...LOOK, workers: [entry()] }, {})

    const before = costOf(workers)
    workers.learnVitals([entry({ vitals: costs(12) })])
    const learnt = costOf(workers)
    workers.apply(changes(entry({ status: 'washes up', updates: 8 })))

    assert.deepEqual([before, learnt, costOf(workers)], [[[undefined, undefined]], [[12, 64]], [[12, 64]]])
  })

  it('is never that of the one who had the slot before', () => {
    const workers = new KnownWorkers({ ...LOOK, workers: [entry()] }, {})
    workers.learnVitals([entry({ vitals: costs(12) })])

    workers.apply(changes(entry({ epoch: 2, id: 'web-2' })))
    workers.learnVitals([entry({ vitals: costs(99) })])

    assert.deepEqual(costOf(workers), [[undefined, undefined]])
  })
})
