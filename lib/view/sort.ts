// The order of workers in a list.

import type { Snapshot, WorkerEntry } from '../scoreboard/types'
import { KINDS, kindOfWorker } from './activity'
import { doingText } from './doing'
import { ownerKey } from './rates'
import type { SortKey } from './sort-keys'
import { byNumberedName } from './text'

export interface SortOptions {
  sort: SortKey
  reverse?: boolean
  /** By `ownerKey`, for `rate`. */
  rates?: ReadonlyMap<string, number>
  /** A living worker silent for longer counts as stale, in milliseconds, for `state`. @default Infinity */
  staleMs?: number
  /** How old a heart may be, in milliseconds, for `state`. @default three beats */
  blockedMs?: number
}

type Compare = (a: WorkerEntry, b: WorkerEntry) => number

const MOST_TEXT = 100

/** The same snapshot with its workers in order; equal ones by slot. */
export function sortWorkers(snapshot: Snapshot, by: SortOptions): Snapshot {
  const compare = comparison(by, snapshot)
  const workers = snapshot.workers.toSorted((a, b) => compare(a, b) || a.slot - b.slot)
  return { ...snapshot, workers: by.reverse ? workers.toReversed() : workers }
}

function comparison(
  { sort, rates, staleMs, blockedMs }: SortOptions,
  { workers, takenAt }: Snapshot,
): Compare {
  switch (sort) {
    case 'slot':
      return (a, b) => a.slot - b.slot
    case 'age':
      return (a, b) => (b.ageMs ?? Infinity) - (a.ageMs ?? Infinity) || 0
    case 'updates':
      return (a, b) => b.updates - a.updates
    case 'rate':
      return (a, b) => (rates?.get(ownerKey(b)) ?? 0) - (rates?.get(ownerKey(a)) ?? 0)
    case 'id':
      return (a, b) => byNumberedName(a.id, b.id)
    case 'pid':
      return (a, b) => a.pid - b.pid
    case 'state': {
      const rank = (worker: WorkerEntry) =>
        KINDS.indexOf(kindOfWorker(worker, takenAt, { staleMs, blockedMs }))
      return (a, b) => rank(a) - rank(b)
    }
    case 'cpu':
      return (a, b) => (b.vitals?.cpuPercent ?? -1) - (a.vitals?.cpuPercent ?? -1)
    case 'mem':
      return (a, b) => (b.vitals?.rssBytes ?? -1) - (a.vitals?.rssBytes ?? -1)
    case 'status': {
      const texts = new Map(workers.map((worker) => [worker, doingText(worker.status, MOST_TEXT)]))
      return (a, b) => byNumberedName(texts.get(a)!, texts.get(b)!)
    }
  }
}
