// How fast workers publish, from two looks at their board. Pure functions.

import type { Snapshot, WorkerEntry } from '../scoreboard/types'

/** What tells one owner of a slot from every other that ever was on this board. */
export function ownerKey(worker: Pick<WorkerEntry, 'slot' | 'epoch'>): string {
  return `${worker.slot}:${worker.epoch}`
}

/** Updates a second by `ownerKey`, of the living that were there before; `elapsedMs` lies between the two looks. */
export function updateRates(before: Snapshot, after: Snapshot, elapsedMs: number): Map<string, number> {
  const updates = new Map(before.workers.map((worker) => [ownerKey(worker), worker.updates]))
  const rates = new Map<string, number>()
  for (const worker of after.workers) {
    const earlier = updates.get(ownerKey(worker))
    if (worker.state === 'dead' || earlier === undefined || elapsedMs <= 0) continue
    rates.set(ownerKey(worker), ((worker.updates - earlier) * 1000) / elapsedMs)
  }
  return rates
}
