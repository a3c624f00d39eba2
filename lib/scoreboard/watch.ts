// Waiting for changes.
//
// All watchers of a handle share one pair of native threads (native/addon/waiter.h). Before it
// sleeps, a watcher announces that somebody waits and looks once more; so no wake-up is lost.

import type { NativeBoard } from '../binding'
import type { BlockedWatch } from './blocked-watch'
import { isEmpty, isSameCursor } from './changes'
import { scoreboardError } from './failures'
import type { Changes, Cursor, WorkerEntry } from './types'

/** Where nobody can wake us: the first and the longest pause between two looks. */
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 100

/** What a watcher needs of its board. */
export interface Watched {
  changes(since?: Cursor): Changes
  sharedValues(): number[]
  /** The living owner of a slot. */
  workerIn(slot: number): WorkerEntry | undefined
  /** Where this watcher wants to know who is blocked. */
  blocked: BlockedWatch | undefined
}

/** Ends a pause; with an error, by throwing it. */
type Wake = (error?: Error) => void

function closedError(): Error {
  return scoreboardError('Cannot watch', { code: 'CLOSED' })
}

/** The waiting of one handle: starts the threads for the first watcher, ends them after the last. */
export class WatchHub {
  readonly #board: NativeBoard
  readonly #sleepers = new Set<Wake>()
  readonly #resting = new Set<Wake>()
  /** What watchers have found since this turn of the event loop began, and from where they looked. */
  #found: { since: Cursor | undefined; changes: Changes }[] = []
  readonly #aborts = new Map<AbortSignal, Set<() => void>>()
  #watchers = 0
  #canBeWoken = false
  #isClosed = false

  constructor(board: NativeBoard) {
    this.#board = board
  }

  enter(): void {
    if (this.#isClosed) throw closedError()
    if (this.#watchers === 0) {
      this.#canBeWoken = this.#board.startWaiting(() => this.#wakeAll())
      this.#board.keepAlive(false)
    }
    this.#watchers++
  }

  leave(): void {
    if (--this.#watchers === 0 && !this.#isClosed) this.#board.stopWaiting()
  }

  /**
   * `look(since)`, once for all watchers that one piece of news has woken. Nothing new is never taken from others:
   * whoever goes to sleep must have looked after its own announcement.
   */
  share(since: Cursor | undefined, look: (since?: Cursor) => Changes): Changes {
    const known = this.#found.find((found) => isSameCursor(found.since, since))
    if (known !== undefined) {
      const { changes } = known
      return { ...changes, workers: [...changes.workers], gone: [...changes.gone] }
    }
    const changes = look(since)
    if (!isEmpty(changes) && this.#watchers > 1) {
      if (this.#found.length === 0) {
        setImmediate(() => {
          this.#found = []
        })
      }
      this.#found.push({
        since,
        changes: { ...changes, workers: [...changes.workers], gone: [...changes.gone] },
      })
    }
    return changes
  }

  /** One listener a signal, however many watchers have it: Node warns of more than ten. */
  onAbort(signal: AbortSignal, abort: () => void): void {
    const aborts = this.#aborts.get(signal) ?? new Set()
    if (aborts.size === 0) {
      this.#aborts.set(signal, aborts)
      signal.addEventListener('abort', this.#abortAll)
    }
    aborts.add(abort)
  }

  offAbort(signal: AbortSignal, abort: () => void): void {
    const aborts = this.#aborts.get(signal)
    if (!aborts?.delete(abort) || aborts.size > 0) return
    this.#aborts.delete(signal)
    signal.removeEventListener('abort', this.#abortAll)
  }

  readonly #abortAll = ({ target }: Event) => {
    for (const abort of [...(this.#aborts.get(target as AbortSignal) ?? [])]) abort()
  }

  /** Call before the last look. */
  announce(): number {
    return this.#board.announceWait()
  }

  /**
   * Sleeps until it is time to look again: after news, after a death, after `pauseMs` where writers
   * cannot wake us, after `mostMs`, and about once a second in any case.
   */
  async sleep(seen: number, pauseMs: number, mostMs: number | undefined, signal: AbortSignal): Promise<void> {
    const pause = this.#pause(this.#sleepers, this.#canBeWoken ? mostMs : pauseMs, signal)
    if (this.#sleepers.size === 1) this.#board.keepAlive(true)
    this.#board.wait(seen)
    try {
      await pause
    } finally {
      if (this.#sleepers.size === 0 && !this.#isClosed) this.#board.keepAlive(false)
    }
  }

  /** Lets so much time pass, whatever the news. */
  async rest(ms: number, signal: AbortSignal): Promise<void> {
    await this.#pause(this.#resting, ms, signal)
  }

  /** Watchers that sleep or rest reject with ERR_CLOSED. */
  close(): void {
    this.#isClosed = true
    for (const wake of [...this.#sleepers, ...this.#resting]) wake(closedError())
  }

  /** Until somebody wakes those in `among`, or after `ms`. */
  async #pause(among: Set<Wake>, ms: number | undefined, signal: AbortSignal): Promise<void> {
    if (this.#isClosed) throw closedError()
    signal.throwIfAborted()
    let tidy = () => {}
    try {
      await new Promise<void>((resolve, reject) => {
        const wake = (error?: Error) => (error ? reject(error) : resolve())
        const abort = () => reject(signal.reason)
        const timer = ms === undefined ? undefined : setTimeout(wake, ms)
        signal.addEventListener('abort', abort)
        among.add(wake)
        tidy = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', abort)
          among.delete(wake)
        }
      })
    } finally {
      tidy()
    }
  }

  #wakeAll(): void {
    for (const wake of [...this.#sleepers]) wake()
  }
}

/** Why a pending `next()` ends when the caller has had enough. */
const RETURNED = new Error('returned')

/** Yields everything known, then what changes, until it is returned from or aborted. */
export class ChangeWatcher implements AsyncIterableIterator<Changes, undefined> {
  readonly #board: Watched
  readonly #hub: WatchHub
  readonly #minIntervalMs: number
  readonly #signal: AbortSignal | undefined
  /** Ends whatever is being waited for. */
  readonly #stop = new AbortController()
  #state: 'new' | 'open' | 'aborted' | 'ended' = 'new'
  #queue: Promise<unknown> = Promise.resolve()
  #cursor: Cursor | undefined
  #shared: number[] = []
  #yieldedAt = 0

  constructor(board: Watched, hub: WatchHub, minIntervalMs: number, signal: AbortSignal | undefined) {
    this.#board = board
    this.#hub = hub
    this.#minIntervalMs = minIntervalMs
    this.#signal = signal
    if (signal?.aborted) this.#abort()
    else if (signal !== undefined) hub.onAbort(signal, this.#abort)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Calls that overlap are answered one after the other. */
  next(): Promise<IteratorResult<Changes, undefined>> {
    const result = this.#queue.then(() => this.#next())
    this.#queue = result.catch(() => {})
    return result
  }

  async return(): Promise<IteratorResult<Changes, undefined>> {
    this.#end('ended', RETURNED)
    return { done: true, value: undefined }
  }

  readonly #abort = () => this.#end('aborted', this.#signal!.reason)

  /** Releases everything at once, whoever is waiting. */
  #end(state: 'aborted' | 'ended', reason: unknown): void {
    if (this.#state === 'open') this.#hub.leave()
    if (this.#state !== 'ended') this.#state = state
    if (this.#signal !== undefined) this.#hub.offAbort(this.#signal, this.#abort)
    this.#stop.abort(reason)
  }

  async #next(): Promise<IteratorResult<Changes, undefined>> {
    if (this.#state === 'aborted') {
      this.#state = 'ended'
      throw this.#signal!.reason
    }
    if (this.#state === 'ended') return { done: true, value: undefined }
    try {
      const value = this.#state === 'new' ? this.#first() : await this.#news()
      this.#cursor = value.cursor
      this.#yieldedAt = performance.now()
      return { done: false, value }
    } catch (error) {
      this.#end('ended', error)
      this.#state = 'ended'
      if (error === RETURNED) return { done: true, value: undefined }
      throw error
    }
  }

  #first(): Changes {
    this.#hub.enter()
    this.#state = 'open'
    this.#shared = this.#board.sharedValues()
    return this.#withBlocked(this.#look(undefined))
  }

  /** The same with who is blocked, and with those who have just become so, or have come back. */
  #withBlocked(changes: Changes): Changes {
    const { blocked } = this.#board
    if (blocked === undefined) return changes
    const told = new Map(changes.workers.map((worker) => [worker.slot, worker]))
    const workers = [...changes.workers]
    for (const slot of blocked.look()) {
      const worker = told.has(slot) ? undefined : this.#board.workerIn(slot)
      if (worker !== undefined) workers.push({ ...worker, merged: 0, isNew: false })
    }
    return {
      ...changes,
      workers: workers.map((worker) => ({
        ...worker,
        blocked: blocked.isBlocked(worker.slot, worker.epoch),
      })),
    }
  }

  #look(since: Cursor | undefined): Changes {
    return this.#hub.share(since, (from) => this.#board.changes(from))
  }

  #untilBlocked(): number | undefined {
    const ms = this.#board.blocked?.nextMs
    return ms === undefined || ms > 2 ** 31 - 1 ? undefined : ms
  }

  async #news(): Promise<Changes> {
    const restMs = this.#minIntervalMs - (performance.now() - this.#yieldedAt)
    if (restMs > 0) await this.#hub.rest(restMs, this.#stop.signal)
    let announced: number | undefined
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const shared = this.#board.sharedValues()
      const changes = this.#withBlocked(this.#look(this.#cursor))
      const isNews = !isEmpty(changes) || shared.some((value, i) => value !== this.#shared[i])
      this.#shared = shared
      if (isNews) return changes
      // Only a watcher that finds nothing announces a wait, so that a busy board pays nothing for its watchers;
      // and looks once more, because an update may have come between the look and the announcement.
      if (announced === undefined) {
        announced = this.#hub.announce()
      } else {
        await this.#hub.sleep(announced, pauseMs, this.#untilBlocked(), this.#stop.signal)
        announced = undefined
      }
    }
  }
}
