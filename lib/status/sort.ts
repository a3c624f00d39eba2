// The order of workers in a list.

import type { Snapshot, WorkerEntry } from '../scoreboard/types'

export const SORT_KEYS = ['slot', 'age', 'updates', 'id', 'pid'] as const

export type SortKey = (typeof SORT_KEYS)[number]

// web-10 comes after web-9.
const byNumberedName = new Intl.Collator('en', { numeric: true })

const COMPARE: Record<SortKey, (a: WorkerEntry, b: WorkerEntry) => number> = {
  slot: (a, b) => a.slot - b.slot,
  // Longest silent and busiest first: that is what somebody sorts for.
  age: (a, b) => (b.ageMs ?? Infinity) - (a.ageMs ?? Infinity) || 0,
  updates: (a, b) => b.updates - a.updates,
  id: (a, b) => byNumberedName.compare(a.id, b.id),
  pid: (a, b) => a.pid - b.pid,
}

/** The same snapshot with its workers in order; equal ones by slot. */
export function sortWorkers(snapshot: Snapshot, by: { sort: SortKey; reverse?: boolean }): Snapshot {
  const workers = snapshot.workers.toSorted((a, b) => COMPARE[by.sort](a, b) || a.slot - b.slot)
  return { ...snapshot, workers: by.reverse ? workers.toReversed() : workers }
}
