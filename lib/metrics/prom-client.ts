// The metrics of prom-client registries, of all workers, through a board: each worker publishes its own, whoever
// is scraped adds them up, and nobody has to ask or to answer. prom-client's own way asks every worker
// over IPC, and one that hangs costs the scrape of all.

import { createRequire } from 'node:module'
import { Scoreboard } from '../scoreboard/scoreboard'
import type { JsonValue, WorkerEntry } from '../scoreboard/types'
import { checkOptions, describeValue, optionalInteger } from '../util/check-options'
import {
  lasting,
  leaveMetrics,
  type Metric,
  readEnded,
  readRetained,
  retain,
  type SharedPlace,
  type WorkerMetrics,
  whileAlone,
} from './prom-retained'

/** A registry of prom-client, as far as it matters here. */
export interface MetricsRegistry {
  getMetricsAsJSON(): Promise<unknown>
}

/** What `publishMetrics()` takes. */
export interface PublishMetricsOptions {
  /** The directory of the board that carries the metrics and nothing else. Made when it is missing. */
  baseDir: string
  /**
   * How often the metrics are published, in milliseconds, 10 to 3600000. What a worker has counted since is lost
   * when it is killed.
   *
   * @default 1000
   */
  intervalMs?: number
  /**
   * Permission bits of the files, as those of a board: to let an exporter of another user read, `0o640` or `0o644`;
   * to let workers of several users publish together, `0o660` or `0o666`, all of them the same.
   *
   * @default 0o600
   */
  mode?: number
  /** As of a board. @default false */
  allowAnyFilesystem?: boolean
  /**
   * Hears what goes wrong: the board is full, a collector throws. It is tried again all the same.
   *
   * @default process.emitWarning, once
   */
  onError?: (error: Error) => void
}

/** A registry that is being published, until it is closed. */
export interface MetricsPublication {
  /** Publishes now. Rejects with what went wrong. */
  publish(): Promise<void>
  /** Publishes a last time and ends. The totals stay. Calling it again is fine. */
  close(): Promise<void>
}

/**
 * Publishes the metrics of a registry of prom-client again and again, for `clusterMetrics()` of any process of the
 * machine. A process that merely exits leaves what it has published last; `close()` leaves everything.
 *
 * @throws {TypeError | RangeError} no registry, or wrong options
 * @throws {ScoreboardError} the board cannot be made, opened or trusted
 */
export function publishMetrics(
  registry: MetricsRegistry,
  options: PublishMetricsOptions,
): MetricsPublication {
  checkOptions(
    options,
    ['baseDir', 'intervalMs', 'mode', 'allowAnyFilesystem', 'onError'],
    'the options of publishMetrics()',
  )
  if (typeof registry?.getMetricsAsJSON !== 'function') {
    throw new TypeError(`Expected a registry of prom-client, got ${describeValue(registry)}`)
  }
  const intervalMs = optionalInteger(options.intervalMs, 'intervalMs', 10, 3_600_000) ?? 1000
  const { baseDir, mode, allowAnyFilesystem } = options
  const board = new Scoreboard({ baseDir, mode, allowAnyFilesystem })
  return new Publisher(registry, board, { ...options, intervalMs })
}

/** As of a board. */
const DEFAULT_MODE = 0o600

class Publisher implements MetricsPublication {
  readonly #registry: MetricsRegistry
  readonly #board: Scoreboard
  readonly #timer: NodeJS.Timeout
  readonly #mode: number
  readonly #onError: ((error: Error) => void) | undefined
  #hasWarned = false
  #own: WorkerMetrics | undefined
  #publishing: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(registry: MetricsRegistry, board: Scoreboard, options: PublishMetricsOptions) {
    const { intervalMs, onError, mode = DEFAULT_MODE } = options
    this.#registry = registry
    this.#board = board
    this.#onError = onError
    this.#mode = mode
    this.#timer = setInterval(this.#tryToPublish, intervalMs).unref()
    this.#tryToPublish()
    // Before the board says good-bye, which takes the status with it.
    process.prependListener('exit', this.#leave)
  }

  publish(): Promise<void> {
    // A collector that takes longer than the interval must not pile up.
    this.#publishing ??= this.#publishOnce().finally(() => {
      this.#publishing = undefined
    })
    return this.#publishing
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    clearInterval(this.#timer)
    try {
      await this.#publishing?.catch(() => {})
      await this.#publishOnce()
    } finally {
      process.removeListener('exit', this.#leave)
      this.#leave()
      this.#board.close()
    }
  }

  readonly #tryToPublish = (): void => {
    this.publish().catch((error: Error) => {
      if (this.#onError) this.#onError(error)
      else if (!this.#hasWarned) process.emitWarning(error)
      this.#hasWarned = true
    })
  }

  async #publishOnce(): Promise<void> {
    const metrics = (await this.#registry.getMetricsAsJSON()) as Metric[]
    this.#board.update(metrics as unknown as JsonValue)
    const key = this.#own?.key ?? this.#board.ownKey!
    this.#own = { key, metrics }
  }

  readonly #leave = (): void => {
    if (this.#own === undefined) return
    const { key, metrics } = this.#own
    try {
      const left = { key, metrics: lasting(metrics) }
      leaveMetrics(this.#board.baseDir, this.#board.boardId, left, this.#mode)
    } catch (error) {
      process.emitWarning(error as Error)
    }
  }
}

/** What `clusterMetrics()` takes. */
export interface ClusterMetricsOptions {
  /** The directory that the workers publish to. */
  baseDir: string
  /** The format: prom-client's own, or OpenMetrics. @default 'text' */
  format?: 'text' | 'openmetrics'
  /**
   * Only reads: makes nothing, adds nobody to what is retained, frees no slot. For an exporter of another user, or
   * one that sees the directory on a disk that it may not write to. What a dead worker had published stays in its
   * slot until somebody who may write calls this, or until a full board gives the slot away.
   *
   * @default false
   */
  readOnly?: boolean
  /** What the workers gave as `mode`. @default 0o600 */
  mode?: number
  /** As of a board. @default false */
  allowAnyFilesystem?: boolean
}

/**
 * The metrics of all workers as text: of the living what they have published last, however they are now, added up
 * by each metric's own aggregator as prom-client does it; of all that ever lived, what only grows (counters,
 * histograms, the sums and counts of summaries). Needs the package prom-client.
 *
 * What a dead worker had published is in the sum once, and stays there, whoever is killed while it is being
 * retained. It is lost only where a full board gives the slot of a dead worker away before anybody has called this.
 *
 * @throws {ScoreboardError} the board cannot be opened or trusted; with `readOnly` and before the first worker has
 * made one, `ERR_NOT_A_BOARD`
 */
export async function clusterMetrics(options: ClusterMetricsOptions): Promise<string> {
  checkOptions(
    options,
    ['baseDir', 'format', 'readOnly', 'mode', 'allowAnyFilesystem'],
    'the options of clusterMetrics()',
  )
  const { format = 'text', readOnly = false, baseDir, mode, allowAnyFilesystem } = options
  const { AggregatorRegistry, Registry } = loadPromClient()
  const type = format === 'openmetrics' ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE
  using board = new Scoreboard({ baseDir, mode, allowAnyFilesystem, readOnly })
  const everybody = readEverybody(board)
  if (!readOnly) foldTheDead(board, { baseDir, mode, allowAnyFilesystem })
  return AggregatorRegistry.aggregate(everybody, type).metrics()
}

interface PromClient {
  Registry: { OPENMETRICS_CONTENT_TYPE: string; PROMETHEUS_CONTENT_TYPE: string }
  AggregatorRegistry: { aggregate(all: Metric[][], type?: string): { metrics(): Promise<string> } }
  aggregators: { sum(metrics: Metric[]): Metric | undefined }
}

function loadPromClient(): PromClient {
  try {
    return createRequire(__filename)('prom-client') as PromClient
  } catch (cause) {
    throw new Error('clusterMetrics() needs the package prom-client: npm install prom-client', { cause })
  }
}

const MAX_TRIES = 100

/** The retained and everybody that is not in it, each once. */
function readEverybody(board: Scoreboard): Metric[][] {
  const { baseDir, boardId } = board
  for (let attempt = 1; ; attempt++) {
    const { generation, folded, metrics } = readRetained(baseDir, boardId)
    const { living, gone } = look(board)
    // Somebody has moved workers from there to here meanwhile.
    if (readRetained(baseDir, boardId).generation !== generation && attempt < MAX_TRIES) continue
    const unfolded = gone.filter(({ key }) => !folded.includes(key)).map((worker) => lasting(worker.metrics))
    return [metrics, ...unfolded, ...living.map((worker) => worker.metrics)]
  }
}

interface Look {
  living: WorkerMetrics[]
  gone: WorkerMetrics[]
  deadSlots: number[]
  /** Also those whose metrics cannot be read now. */
  seen: Set<string>
}

/** Everybody whose metrics can be read: those that live, and those that have died or left. */
function look(board: Scoreboard): Look {
  const { workers } = board.snapshot({ includeDead: true })
  // After the slots: who leaves in between is in both, and counted once for its key.
  const ended = readEnded(board.baseDir, board.boardId)
  const left = new Set(ended.map(({ key }) => key))
  const readable = workers.filter((worker) => Array.isArray(worker.status) && !left.has(keyOf(worker)))
  const metricsOf = (worker: WorkerEntry) => ({ key: keyOf(worker), metrics: metricsIn(worker) })
  const dead = workers.filter(({ state, error }) => state === 'dead' && error === undefined)
  return {
    living: readable.filter(({ state }) => state === 'live').map(metricsOf),
    gone: [...ended, ...readable.filter(({ state }) => state === 'dead').map(metricsOf)],
    deadSlots: dead.map(({ slot }) => slot),
    seen: new Set([...left, ...workers.map(keyOf)]),
  }
}

function keyOf({ slot, epoch }: WorkerEntry): string {
  return `${slot}-${epoch}`
}

/** JSON knows no NaN and no infinity: a gauge that is one is left out. */
function metricsIn({ status }: WorkerEntry): Metric[] {
  return (status as unknown as Metric[]).map((metric) => ({
    ...metric,
    values: metric.values.filter(({ value }) => typeof value === 'number'),
  }))
}

/** Moves those that are gone into what is retained, and frees their slots; unless somebody is at it. */
function foldTheDead(board: Scoreboard, place: SharedPlace): void {
  if (look(board).gone.length === 0) return
  const { aggregators } = loadPromClient()
  const sum = (all: Metric[][]): Metric[] => {
    const byName = new Map<string, Metric[]>()
    for (const metric of all.flat()) byName.set(metric.name, [...(byName.get(metric.name) ?? []), metric])
    return [...byName.values()].flatMap((metrics) => aggregators.sum(metrics) ?? [])
  }
  whileAlone(place, () => {
    const { gone, deadSlots, seen } = look(board)
    retain(board.baseDir, board.boardId, gone, seen, sum, place.mode ?? DEFAULT_MODE)
    board.retire(deadSlots)
  })
}
