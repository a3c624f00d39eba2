// Waiting for changes of a fleet, as a board's watchers do: everything known first, then what moves.

import { WatchdogError } from '../util/errors'
import { Notifier } from '../util/wait'
import { FleetCursor } from './cursor'
import type { FleetModel } from './model'
import type { FleetChange } from './types'

/** Each look passes all machines: what moves at once is told at once. */
const GATHER_MS = 50
/** Why a pending `next()` ends when the caller has had enough. */
const RETURNED = new Error('returned')

export class FleetWatcher implements AsyncIterableIterator<FleetChange, undefined> {
  readonly #model: FleetModel
  readonly #minIntervalMs: number
  readonly #cursor = new FleetCursor()
  readonly #notifier = new Notifier()
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal | undefined
  readonly #forget: () => void
  #queue: Promise<unknown> = Promise.resolve()
  #isFirst = true
  #hasTold = false
  #yieldedAt = 0

  constructor(model: FleetModel, minIntervalMs: number, signal: AbortSignal | undefined, forget: () => void) {
    this.#model = model
    this.#minIntervalMs = Math.max(GATHER_MS, minIntervalMs)
    this.#signal = signal
    const stopListening = model.onChange(this.#notifier.notify)
    this.#forget = () => {
      stopListening()
      signal?.removeEventListener('abort', this.#abort)
      forget()
    }
    if (signal?.aborted) this.#abort()
    else signal?.addEventListener('abort', this.#abort)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  readonly #abort = () => this.end(this.#signal!.reason)

  /** Calls that overlap are answered one after the other. */
  next(): Promise<IteratorResult<FleetChange, undefined>> {
    const result = this.#queue.then(() => this.#next())
    this.#queue = result.catch(() => {})
    return result
  }

  async return(): Promise<IteratorResult<FleetChange, undefined>> {
    this.end(RETURNED)
    return { done: true, value: undefined }
  }

  /** The pending `next()` rejects with that, or else the next one; all after it are done. */
  end(
    reason: unknown = new WatchdogError('ERR_CLOSED', 'Cannot watch: the handle of the fleet is closed'),
  ): void {
    if (this.#stop.signal.aborted) return
    this.#forget()
    this.#stop.abort(reason)
  }

  async #next(): Promise<IteratorResult<FleetChange, undefined>> {
    const { signal } = this.#stop
    try {
      if (!signal.aborted) return { done: false, value: await this.#news(signal) }
    } catch (error) {
      if (error !== signal.reason) throw error
    }
    if (this.#hasTold || signal.reason === RETURNED) return { done: true, value: undefined }
    this.#hasTold = true
    throw signal.reason
  }

  async #news(signal: AbortSignal): Promise<FleetChange> {
    const restMs = this.#minIntervalMs - (performance.now() - this.#yieldedAt)
    if (!this.#isFirst && restMs > 0) await new Notifier().wait(restMs, signal)
    for (;;) {
      const change = this.#cursor.advance(this.#model.machines)
      if (change !== undefined || this.#isFirst) {
        this.#isFirst = false
        this.#yieldedAt = performance.now()
        return change ?? { machines: [], workers: [], gone: [], takenAt: Date.now() }
      }
      await this.#notifier.wait(Number.POSITIVE_INFINITY, signal)
    }
  }
}
