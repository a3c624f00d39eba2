// How fast a number grows: of updates between two looks at a board, or of any count over about the last ten
// seconds. Pure.

import type { FleetWorker } from '../fleet/types'
import type { Snapshot, WorkerEntry } from '../scoreboard/types'

const WINDOW_MS = 10_000

/** How much that is a second, of a growth in so many milliseconds. */
export function perSecond(growth: number, ms: number): number {
  return (growth * 1000) / ms
}

/** What tells one owner of a slot from every other that ever was on this board; in a fleet, on any board of any machine. */
export function ownerKey(worker: Pick<WorkerEntry, 'slot' | 'epoch'> & Partial<FleetPlace>): string {
  const owner = `${worker.slot}:${worker.epoch}`
  return worker.machineId === undefined ? owner : `${worker.machineId}:${owner}:${worker.board}`
}

type FleetPlace = Pick<FleetWorker, 'machineId' | 'board'>

/** Updates a second by `ownerKey`, of the living that were there before; `elapsedMs` lies between the two looks. */
export function updateRates(before: Snapshot, after: Snapshot, elapsedMs: number): Map<string, number> {
  const updates = new Map(before.workers.map((worker) => [ownerKey(worker), worker.updates]))
  const rates = new Map<string, number>()
  for (const worker of after.workers) {
    const earlier = updates.get(ownerKey(worker))
    if (worker.state === 'dead' || earlier === undefined || elapsedMs <= 0) continue
    rates.set(ownerKey(worker), perSecond(worker.updates - earlier, elapsedMs))
  }
  return rates
}

/** A count that grows, seen now and then: its rate follows what happens. */
export class RateWindow {
  readonly #seen: { at: number; count: number }[] = []

  /** Takes the number as it is at `at`, in milliseconds; gives its growth a second, undefined at first. */
  add(at: number, count: number): number | undefined {
    const seen = this.#seen
    // Fewer than before: it has begun anew.
    if (count < (seen.at(-1)?.count ?? 0)) seen.length = 0
    seen.push({ at, count })
    while (seen.length > 2 && at - seen[0]!.at > WINDOW_MS) seen.shift()
    const [first] = seen
    return at > first!.at ? perSecond(count - first!.count, at - first!.at) : undefined
  }
}
