// A registry of prom-client on a board: published again and again, and safe there when its worker is gone.

import { Scoreboard } from '../scoreboard/scoreboard'
import type { JsonValue } from '../scoreboard/types'
import { checkOptions, describeValue, optionalInteger } from '../util/check-options'
import { ScoreboardError } from '../util/errors'
import { foldBeforeItsEnd, foldNow } from './prom-folding'
import type { SharedPlace } from './prom-retained'

/** A registry of prom-client, as far as it matters here. */
export interface MetricsRegistry {
  /** All metrics, as prom-client gives them. */
  getMetricsAsJSON(): Promise<unknown>
}

/** What `publishMetrics()` takes. */
export interface PublishMetricsOptions {
  /** The directory of the board that carries the metrics and nothing else. Made when it is missing. */
  baseDir: string
  /**
   * How often the metrics are published, in milliseconds, 10 to 3600000. What a worker has counted since is lost
   * when it ends without `close()`. Where a thread sleeps between its tasks, as those of piscina with `atomics: 'sync'` do,
   * no timer runs: call `publish()` at the end of each task.
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
  /**
   * Publishes a last time and ends. The totals stay, those published before also where this rejects. Calling it
   * again is fine.
   */
  close(): Promise<void>
}

/** How many of the dead may lie on the board before a new worker makes room, if nobody scrapes. */
const MANY_DEAD = 64

/** See metrics.ts. */
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
  const { baseDir, mode, allowAnyFilesystem, onError } = options
  return new Publisher(registry, { baseDir, mode, allowAnyFilesystem }, intervalMs, onError)
}

function openBoard(place: SharedPlace): Scoreboard {
  saveWhatIsFromBefore(place)
  const board = new Scoreboard({ ...place, deadForMs: Number.POSITIVE_INFINITY })
  board.keepStatus()
  return board
}

/** A board from an earlier boot is replaced when it is opened, with all that lies on it. */
function saveWhatIsFromBefore(place: SharedPlace): void {
  try {
    const { baseDir, allowAnyFilesystem } = place
    using board = new Scoreboard({ baseDir, allowAnyFilesystem, readOnly: true })
    if (board.isFromEarlierBoot) foldBeforeItsEnd(board, place, warnOf)
  } catch (error) {
    // There is none, as a rule. What else is wrong, opening it to write says better.
    const isNone = error instanceof ScoreboardError && error.code === 'ERR_NOT_A_BOARD'
    if (!isNone) process.emitWarning(error as Error)
  }
}

function warnOf(_key: string, problem: string): void {
  process.emitWarning(problem)
}

class Publisher implements MetricsPublication {
  readonly #registry: MetricsRegistry
  readonly #place: SharedPlace
  readonly #board: Scoreboard
  readonly #timer: NodeJS.Timeout
  readonly #onError: ((error: Error) => void) | undefined
  #hasWarned = false
  #publishing: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(
    registry: MetricsRegistry,
    place: SharedPlace,
    intervalMs: number,
    onError: ((error: Error) => void) | undefined,
  ) {
    this.#registry = registry
    this.#place = place
    this.#board = openBoard(place)
    this.#onError = onError
    this.#timer = setInterval(this.#tryToPublish, intervalMs).unref()
    this.#tryToPublish()
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
    const metrics = (await this.#registry.getMetricsAsJSON()) as JsonValue
    try {
      this.#put(metrics)
    } catch (error) {
      if (!(error instanceof ScoreboardError) || error.code !== 'ERR_BOARD_REPLACED') throw error
      this.#board.reopen()
      this.#put(metrics)
    }
  }

  #put(metrics: JsonValue): void {
    if (!this.#board.isInPlace) this.#board.reopen()
    if (this.#board.workerId === undefined) this.#claim()
    this.#board.update(metrics)
  }

  /** Slots of the dead are not to be had before their metrics are safe. Where nobody scrapes, nobody else sees to that. */
  #claim(): void {
    if (this.#board.countDead() >= MANY_DEAD) this.#makeRoom()
    try {
      this.#board.claim()
    } catch (error) {
      if (!(error instanceof ScoreboardError) || error.code !== 'ERR_BOARD_FULL') throw error
      foldNow(this.#board, this.#place, warnOf)
      this.#board.claim()
    }
  }

  #makeRoom(): void {
    try {
      foldNow(this.#board, this.#place, warnOf)
    } catch {
      // The disk is full, perhaps: it is needed only once no slot is left, and told of then.
    }
  }
}
