// What is known about one board while somebody looks at it, for everybody that looks: one watcher feeds every
// open page, a sample a second feeds the sparklines. When the last page closes the watcher goes; sampling
// goes on for a while, so that a visitor who comes back soon finds the history. With nobody there, nothing runs.

import type { ServerResponse } from 'node:http'
import { type RequestTotals, readRequestTotals } from '../http/request-counts'
import type { MetricsFormat } from '../metrics/exposition'
import { renderMetrics } from '../metrics/render-metrics'
import type { Ended } from '../scoreboard/ended'
import type { Scoreboard } from '../scoreboard/scoreboard'
import type { Changes, Cursor } from '../scoreboard/types'
import { ScoreboardError } from '../util/errors'
import { countKinds, type KindCounts } from '../view/activity'
import type { StateLimits } from '../view/worker-state'
import { History } from './history'
import { type Death, type Difference, KnownWorkers, type Sums } from './known-workers'
import { QueueFeed, type Queues } from './queue-feed'
import type { WorkerView } from './row-values'
import { frame, Streams } from './streams'

export interface FeedOptions extends StateLimits {
  intervalMs: number
  queues: Queues
  /** What an open page is sent once a second beside the changes. */
  renderTick(picture: Picture): unknown
}

/** Everything that a page shows, as it is now. */
export interface Picture {
  board: Scoreboard
  /** How many workers the board can hold. */
  slots: number
  workers: WorkerView[]
  counts: KindCounts
  sums: Sums
  servesRequests: boolean
  /** When the longest-serving worker came, in milliseconds since the Unix epoch. */
  oldestStart: number | undefined
  /** Since the board was made. */
  ended: Ended
  deaths: Death[]
  history: History
  queues: QueueFeed
  /** What the board's own counters have come to, by name. */
  totals: Record<string, number>
  /** Where servers are instrumented. */
  requests: RequestTotals | undefined
  /** In milliseconds since the Unix epoch. */
  at: number
}

/** Since when the longest-serving worker is there, in milliseconds. */
export function uptimeMs({ oldestStart, at }: Picture): number {
  return oldestStart === undefined ? 0 : Math.max(0, at - oldestStart)
}

const SAMPLE_MS = 1000
const LINGER_MS = 15 * 60_000

export class BoardFeed {
  readonly #board: Scoreboard
  readonly #options: FeedOptions
  readonly #queues: QueueFeed
  readonly #streams = new Streams(
    () => this.#everything(),
    () => this.#stopWatching(),
  )
  #workers: KnownWorkers | undefined
  #history = new History()
  #cursor: Cursor | undefined
  #watching: AbortController | undefined
  #timer: NodeJS.Timeout | undefined
  #wantedAt = 0
  #all: Buffer | undefined

  constructor(board: Scoreboard, options: FeedOptions) {
    this.#board = board
    this.#options = options
    this.#queues = new QueueFeed(options.queues)
  }

  get openPages(): number {
    return this.#streams.size
  }

  /**
   * Everything, up to date.
   *
   * @throws {ScoreboardError} the board cannot be read
   */
  async look(): Promise<Picture> {
    this.#wake()
    await this.#queues.refresh()
    // Who is dead or hangs is nowhere told in one moment but here.
    this.#send(this.#sync())
    this.#workers?.learnVitals(this.#board.snapshot({ vitals: true }).workers)
    return this.#picture()
  }

  /**
   * For Prometheus: read anew for each scrape, nothing is kept for it.
   *
   * @throws {ScoreboardError} the board cannot be read
   */
  async metrics(format: MetricsFormat): Promise<string> {
    const options = { format, queues: await this.#queues.read(), ...this.#limits() }
    try {
      return renderMetrics(this.#board, options)
    } catch (error) {
      if (!this.#reopened(error)) throw error
      return renderMetrics(this.#board, options)
    }
  }

  /**
   * Keeps a response up to date until it is closed.
   *
   * @throws {ScoreboardError} the board cannot be read
   */
  async follow(begin: () => ServerResponse | undefined): Promise<void> {
    this.#wake()
    await this.#queues.refresh()
    const workers = this.#workers
    // The head is written only now: what fails before is an ordinary answer.
    const response = workers && begin()
    if (!response) return
    this.#streams.add(response)
    if (!this.#watching && this.#streams.size > 0) this.#startWatching()
  }

  /** Ends all open pages and everything that runs. */
  close(): void {
    this.#stop()
    this.#streams.end()
  }

  /** Makes sure that what is known is up to date and stays so for a while. */
  #wake(): void {
    this.#wantedAt = performance.now()
    try {
      if (!this.#watching) this.#refresh()
    } catch (error) {
      if (!this.#reopened(error)) throw error
      this.#refresh()
    }
    this.#timer ??= setInterval(() => this.#tick(), SAMPLE_MS).unref()
  }

  #refresh(): void {
    const board = this.#board
    if (!this.#workers) {
      const snapshot = board.snapshot({ includeDead: true })
      this.#workers = new KnownWorkers(snapshot, this.#options)
      this.#cursor = snapshot.cursor
      this.#history.take(this.#workers.sums, this.#workers.counts().busy)
    }
    this.#apply(board.changes(this.#cursor))
  }

  #apply(changes: Changes): Difference {
    this.#cursor = changes.cursor
    const difference = this.#workers!.apply(changes)
    const hasDeaths = changes.gone.some(({ reason }) => reason === 'died')
    return hasDeaths ? joined(difference, this.#sync()) : difference
  }

  /** Looks at those who make no change: the dead, and whoever hangs or is silent. */
  #sync(): Difference {
    const workers = this.#workers
    if (!workers) return { changed: [], removed: [] }
    const snapshot = this.#board.snapshot({ includeDead: true })
    const dead = workers.syncDead(snapshot)
    return joined(dead, this.#judge())
  }

  #send({ changed, removed }: Difference): void {
    if (changed.length === 0 && removed.length === 0) return
    this.#all = undefined
    if (this.#streams.size > 0) this.#streams.send(frame('change', { changed, removed }))
  }

  #startWatching(): void {
    const controller = new AbortController()
    this.#watching = controller
    void this.#watch(controller.signal).catch((error) => {
      if (!controller.signal.aborted) this.#failed(error)
    })
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { intervalMs } = this.#options
    for await (const changes of this.#board.watch({ signal, minIntervalMs: intervalMs })) {
      if (signal.aborted) return
      this.#send(this.#apply(changes))
    }
  }

  #stopWatching(): void {
    this.#watching?.abort()
    this.#watching = undefined
  }

  #tick(): void {
    if (!this.#workers) return
    if (this.#streams.size > 0) this.#wantedAt = performance.now()
    if (performance.now() - this.#wantedAt > LINGER_MS) {
      this.#stop()
      return
    }
    try {
      if (!this.#watching) this.#refresh()
      this.#send(this.#workers.hasDead ? this.#sync() : this.#judge())
      this.#history.take(this.#workers.sums, this.#workers.counts().busy)
      this.#all = undefined
      if (this.#streams.size === 0) return
      this.#workers.learnVitals(this.#board.snapshot({ vitals: true }).workers)
      // Not waited for: a queue that does not answer must not hold up the board.
      void this.#queues.refresh()
      this.#streams.send(frame('tick', this.#options.renderTick(this.#picture())))
    } catch (error) {
      this.#failed(error)
    }
  }

  #judge(): Difference {
    const workers = this.#workers!
    workers.learnBlocked(this.#board.blocked(this.#options.blockedMs))
    return { changed: workers.judge(), removed: [] }
  }

  #limits(): { staleAfterMs: number | undefined; blockedAfterMs: number | undefined } {
    const { staleMs, blockedMs } = this.#options
    return { staleAfterMs: staleMs, blockedAfterMs: blockedMs }
  }

  #picture(): Picture {
    const workers = this.#workers!
    const totals = this.#board.totals()
    const requests = readRequestTotals(this.#board)
    const views = workers.views()
    return {
      board: this.#board,
      slots: workers.slots,
      workers: views,
      counts: countKinds(views.map(({ kind }) => kind)),
      // The board's own counters know of workers that nobody was there to see.
      sums: {
        ...workers.sums,
        requests: totals.requests ?? requests?.requests ?? workers.sums.requests,
        bytes: totals.bytes ?? requests?.bytes ?? workers.sums.bytes,
      },
      servesRequests: workers.servesRequests,
      oldestStart: workers.oldestStart,
      ended: this.#board.ended(),
      deaths: workers.deaths,
      history: this.#history,
      queues: this.#queues,
      totals,
      requests,
      at: Date.now(),
    }
  }

  #everything(): Buffer {
    if (!this.#all) {
      const picture = this.#picture()
      const tick = this.#options.renderTick(picture)
      this.#all = frame('all', { workers: picture.workers, tick })
    }
    return this.#all
  }

  #failed(error: unknown): void {
    // Pages come back by themselves, and find the new board or the reason.
    this.#reopened(error)
    this.#stop()
    this.#streams.end()
  }

  /** Whether another board lay in the place of this one and is open now. */
  #reopened(error: unknown): boolean {
    const isReplaced = error instanceof ScoreboardError && error.code === 'ERR_BOARD_REPLACED'
    if (!isReplaced) return false
    this.#stop()
    try {
      this.#board.reopen()
      return true
    } catch {
      // Gone, or not made yet: the next look tries again, and says why it cannot.
      return false
    }
  }

  #stop(): void {
    this.#stopWatching()
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#workers = undefined
    this.#cursor = undefined
    this.#history = new History()
    this.#all = undefined
  }
}

function joined(first: Difference, then: Difference): Difference {
  const back = new Set(then.changed.map(({ key }) => key))
  return {
    changed: [...first.changed, ...then.changed],
    removed: [...first.removed.filter((key) => !back.has(key)), ...then.removed],
  }
}
