// Moves the metrics of workers that are gone from their slots into what is retained. In steps, because reading one
// worker takes a while and a server has something else to do as well; whoever must not wait takes all at once.

import type { Scoreboard } from '../scoreboard/scoreboard'
import type { WorkerEntry } from '../scoreboard/types'
import { sleepSync } from '../util/sleep'
import { isMetric, KeptSums, lasting, type Metric } from './prom-metric'
import {
  readRetained,
  removeTemporaries,
  type SharedPlace,
  tryToBeAlone,
  writeRetained,
} from './prom-retained'

/** Hears of what is set aside; `key` is the same for the same thing. */
export type Tell = (key: string, problem: string) => void

/** How long somebody waits who must not go on before the dead are safe. */
const WAIT_MS = 10_000
/** An unreadable status of a dead worker may be needed by nobody any more, but not at once. */
const UNREADABLE_FOR_MS = 10 * 60_000

/** Of one owner of one slot, for ever. */
export function keyOf({ slot, epoch }: WorkerEntry): string {
  return `${slot}-${epoch}`
}

/** Undefined: they cannot be read, and that was told; empty: there are none yet. */
export function metricsOf(worker: WorkerEntry, baseDir: string, tell: Tell): Metric[] | undefined {
  const { id, status, error } = worker
  if (error === undefined && status === undefined) return []
  const what = `the metrics of worker '${id}' on ${baseDir}, they are set aside`
  if (error !== undefined) {
    tell(`${baseDir} ${id} ${error.code}`, `Cannot read ${what}: ${error.message}`)
    return undefined
  }
  if (!Array.isArray(status)) {
    tell(`${baseDir} ${id}`, `Cannot use ${what}: its status is no registry of prom-client`)
    return undefined
  }
  return (status as unknown[]).filter((metric): metric is Metric => {
    if (isMetric(metric)) return true
    const name = (metric as { name?: unknown } | null)?.name
    tell(`${baseDir} ${id} ${name}`, `Cannot use '${name}' of ${what}: it is no metric of prom-client`)
    return false
  })
}

/**
 * REQUIRES: nobody else folds. With a board that may be written, frees the slots of those that are safe.
 *
 * @throws what the file system says; then everybody is still in its slot
 */
function* foldSteps(board: Scoreboard, place: SharedPlace, tell: Tell): Generator<void> {
  const { baseDir, boardId } = board
  removeTemporaries(baseDir)
  const before = readRetained(baseDir, boardId, (problem) => tell(baseDir, problem))
  const folded = new Set(before.folded)
  const sums = new KeptSums()
  sums.add(before.metrics)
  const seen = new Set<string>()
  const fresh: string[] = []
  const safe: number[] = []
  for (const worker of board.eachWorker()) {
    const key = keyOf(worker)
    seen.add(key)
    if (worker.state === 'live') continue
    const metrics = folded.has(key) ? [] : metricsOf(worker, baseDir, tell)
    if (metrics === undefined && !isHopeless(worker)) continue
    safe.push(worker.slot)
    if (metrics === undefined || folded.has(key)) continue
    fresh.push(key)
    sums.add(lasting(metrics))
    yield
  }
  if (fresh.length > 0) {
    const still = before.folded.filter((key) => seen.has(key))
    writeRetained(place, { boardId, folded: [...still, ...fresh], metrics: sums.metrics })
  }
  if (!board.isReadOnly) board.retireKept(safe)
}

function isHopeless({ error, deadForMs = 0 }: WorkerEntry): boolean {
  return error === undefined || deadForMs > UNREADABLE_FOR_MS
}

/** All at once. False: somebody else is at it. */
export function foldNow(board: Scoreboard, place: SharedPlace, tell: Tell): boolean {
  using alone = tryToBeAlone(place)
  if (alone === undefined) return false
  for (const _ of foldSteps(board, place, tell)) {
    // There is nothing to do between the steps.
  }
  return true
}

/** Slice by slice. Does nothing while somebody else is at it. */
export async function fold(
  board: Scoreboard,
  place: SharedPlace,
  tell: Tell,
  turn: () => Promise<void>,
): Promise<void> {
  using alone = tryToBeAlone(place)
  if (alone === undefined) return
  for (const _ of foldSteps(board, place, tell)) await turn()
}

/** For whoever is about to put an end to what they lie on. */
export function foldBeforeItsEnd(board: Scoreboard, place: SharedPlace, tell: Tell): void {
  const deadline = performance.now() + WAIT_MS
  while (board.isInPlace && !foldNow(board, place, tell) && performance.now() < deadline) sleepSync(20)
}
