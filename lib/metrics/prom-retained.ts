// What the metrics of workers that are gone have come to, in the directory of their board.
//
//   ended-<board>-<slot>-<epoch>.json   the last metrics of one worker that ended well, until they are retained
//   retained.json                       the sum of all that are, and who is in it
//   folding/                            a board with one worker: whoever adds to retained.json holds its name
//
// A new retained.json takes the place of the old by rename, with the sum and with who is in it: that is the one
// commit. What follows, freeing slots and removing files, only tidies up: whoever is killed before it leaves
// workers that retained.json names, and readers skip them for that. So nobody is counted twice, and nobody's
// last numbers are lost.

import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { Scoreboard } from '../scoreboard/scoreboard'
import type { ScoreboardOptions } from '../scoreboard/types'
import { ScoreboardError } from '../util/errors'
import { namesIn, readWhole, removeFile, replaceFile } from '../util/trust'

export interface MetricValue {
  value: number
  labels: Record<string, string | number>
  metricName?: string
}

/** One metric as prom-client's `getMetricsAsJSON()` gives it. */
export interface Metric {
  name: string
  help: string
  type: string
  aggregator: string
  values: MetricValue[]
}

/** The metrics of one worker, known by `<slot>-<epoch>`. */
export interface WorkerMetrics {
  key: string
  metrics: Metric[]
}

/** Where the metrics are, and who may write there. */
export type SharedPlace = Pick<ScoreboardOptions, 'baseDir' | 'mode' | 'allowAnyFilesystem'>

export interface Retained {
  boardId: string
  /** Changes with every commit. */
  generation: string
  /** Who is in the sum and may still be seen beside it. */
  folded: string[]
  metrics: Metric[]
}

const FILE = 'retained.json'
/** More than the metrics of any worker. */
const MAX_BYTES = 256 * 1024 * 1024
const ENDED = /^ended-([0-9a-f]+)-(\d+-\d+)\.json$/

function readJson<T>(file: string): T | undefined {
  const bytes = readWhole(file, MAX_BYTES)
  return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as T)
}

function writeWhole(file: string, value: unknown, mode: number): void {
  replaceFile(file, Buffer.from(JSON.stringify(value)), mode)
}

/** What is retained for this board; a board that took another's place begins anew. */
export function readRetained(baseDir: string, boardId: string): Retained {
  const retained = readJson<Retained>(path.join(baseDir, FILE))
  if (retained?.boardId === boardId) return retained
  // Counters must not fall when a machine was only started again.
  return { boardId, generation: '', folded: [], metrics: retained?.metrics ?? [] }
}

/** The last words of a worker that ends well; its slot will be free, and its status gone. */
export function leaveMetrics(
  baseDir: string,
  boardId: string,
  { key, metrics }: WorkerMetrics,
  mode: number,
): void {
  writeWhole(path.join(baseDir, `ended-${boardId}-${key}.json`), metrics, mode)
}

export function readEnded(baseDir: string, boardId: string): WorkerMetrics[] {
  return (namesIn(baseDir) ?? []).flatMap((name) => {
    const [, board, key] = ENDED.exec(name) ?? []
    if (board !== boardId) return []
    const metrics = readJson<Metric[]>(path.join(baseDir, name))
    return metrics === undefined ? [] : [{ key: key!, metrics }]
  })
}

/** What of a worker's metrics outlives it: what only grows. */
export function lasting(metrics: readonly Metric[]): Metric[] {
  return metrics.flatMap((metric) => {
    if (metric.aggregator !== 'sum') return []
    if (metric.type === 'counter' || metric.type === 'histogram') return [metric]
    if (metric.type !== 'summary') return []
    // Quantiles of the dead mean nothing; how often and how much they have observed does.
    return [{ ...metric, values: metric.values.filter(({ metricName }) => metricName !== undefined) }]
  })
}

/**
 * Runs `fold` while nobody else does. False: somebody else is at it.
 */
export function whileAlone(board: SharedPlace, fold: () => void): boolean {
  const baseDir = path.join(board.baseDir, 'folding')
  using lock = new Scoreboard({ ...board, baseDir, workerId: 'folder', slots: 4 })
  try {
    lock.claim()
  } catch (error) {
    const busy = ['ERR_ID_IN_USE', 'ERR_BUSY', 'ERR_BOARD_FULL']
    if (error instanceof ScoreboardError && busy.includes(error.code)) return false
    throw error
  }
  fold()
  return true
}

/**
 * Adds these workers to what is retained. REQUIRES: nobody else does (`whileAlone`).
 *
 * @param seen everybody who can be seen now beside what is retained, by key
 */
export function retain(
  baseDir: string,
  boardId: string,
  workers: readonly WorkerMetrics[],
  seen: ReadonlySet<string>,
  sum: (all: Metric[][]) => Metric[],
  mode: number,
): void {
  const { folded, metrics } = readRetained(baseDir, boardId)
  const fresh = workers.filter(({ key }) => !folded.includes(key))
  if (fresh.length > 0) {
    const now: Retained = {
      boardId,
      generation: randomBytes(8).toString('hex'),
      folded: [...folded.filter((key) => seen.has(key)), ...fresh.map(({ key }) => key)],
      metrics: sum([metrics, ...fresh.map((worker) => lasting(worker.metrics))]),
    }
    writeWhole(path.join(baseDir, FILE), now, mode)
  }
  for (const { key } of workers) removeFile(path.join(baseDir, `ended-${boardId}-${key}.json`))
}
