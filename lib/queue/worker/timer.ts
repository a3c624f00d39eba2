// A worker's timer: the sign of its life, and what it holds leases with. What each half does is in a file of
// its own: kicks, lease-source and lease-settler; the member node says what became of the timer.

import type { JsonValue } from '../../scoreboard/types'
import { checkOptions, describeValue, optionalInteger, optionalSignal } from '../../util/check-options'
import { WatchdogError } from '../../util/errors'
import type { AttachedQueue, OwnTimer } from '../members/attached-queue'
import { changeRunningMember } from '../members/member'
import { ANY_VERSION } from '../store/store'
import type { EndResult, LeaseOptions, LeasesOptions, RunOptions } from '../types'
import { backoffMs } from './backoff'
import { type BatchLimits, BatchSize } from './batch-size'
import { ClaimTokens } from './claim-tokens'
import { encodeProgress, Kicks } from './kicks'
import { Lease, type LeaseHolder, type LeaseTicket } from './lease'
import { LeaseSettler } from './lease-settler'
import { LeaseSource } from './lease-source'
import { LeaseTickets } from './lease-tickets'
import { PrefetchedClaims } from './prefetched-claims'
import { Prefetcher } from './prefetcher'
import { RunLoop } from './run-loop'

const MAX_WAIT_MS = 2 ** 31 - 1
const BATCH: BatchLimits = { max: 500, ms: 200 }

/**
 * A worker's timer: it says that the worker is there, by kicks that it makes progress, and what it has
 * leased.
 */
export class WatchdogTimer<Item = string> implements OwnTimer {
  readonly id: string
  readonly #queue: AttachedQueue
  readonly #wid: string
  readonly #abort = new AbortController()
  readonly #kicks: Kicks
  readonly #tickets: LeaseTickets
  readonly #prefetched: PrefetchedClaims
  readonly #prefetcher: Prefetcher
  readonly #source: LeaseSource
  readonly #settler: LeaseSettler
  readonly #holder: LeaseHolder
  readonly #batch: BatchSize
  readonly #releaseReaper: () => void
  #ended = false

  /** For `createTimer()` only. */
  constructor(queue: AttachedQueue, id: string, wid: string) {
    this.id = id
    this.#queue = queue
    this.#wid = wid
    this.#kicks = new Kicks(queue.incarnation, this.#path, () => this.lose(this.goneError()))
    const tokens = new ClaimTokens()
    const tickets = new LeaseTickets(queue.pages)
    const prefetched = new PrefetchedClaims(queue, wid, tokens, tickets)
    const prefetcher = new Prefetcher(prefetched)
    const parts = { queue, wid, kicks: this.#kicks, tokens, tickets, prefetched, prefetcher }
    const { signal } = this
    this.#source = new LeaseSource({ ...parts, signal, assertLive: () => this.#assertLive() })
    this.#settler = new LeaseSettler(parts)
    this.#tickets = tickets
    this.#prefetched = prefetched
    this.#prefetcher = prefetcher
    this.#batch = new BatchSize(queue, BATCH)
    // A worker that hangs is found out by its own process, should it be the only one.
    const isReaped = queue.incarnation.settings.onExpire === 'requeue'
    this.#releaseReaper = isReaped ? queue.reaper.hold({ isIdle: true }) : () => {}
    this.#holder = {
      id,
      maxAttempts: queue.incarnation.settings.maxAttempts,
      signal,
      keepsResults: queue.incarnation.settings.results === true,
      backoffMs: (attempts) => backoffMs(queue.incarnation.settings.backoff, attempts),
      settle: (ticket, as, more) => this.#settler.settle(ticket, as, more),
      forget: (ticket) => tickets.forget(ticket),
    }
  }

  /** Aborts when the timer is expired (and its leases taken away), cleared or lost. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** How long it may stay without a kick, in milliseconds. */
  get timerMs(): number {
    return this.#queue.incarnation.settings.timerMs
  }

  get #path(): string {
    return this.#queue.incarnation.at('timers', this.#wid)
  }

  /** @internal Ends the timer from outside: whatever waits or works on it hears of it. */
  lose(error: WatchdogError): void {
    this.#kicks.stop()
    this.#releaseReaper()
    this.#prefetched.lose()
    if (!this.#ended) this.#abort.abort(error)
  }

  #assertLive(): void {
    if (this.#ended) throw new WatchdogError('ERR_CLOSED', `Timer ${this.id} has ended`)
    this.signal.throwIfAborted()
  }

  /**
   * Says that this worker makes progress. Resolves to false when the timer is gone. At most one write
   * per tenth of `timerMs`; a kick in between gives the last known answer.
   *
   * @throws {TypeError} JSON cannot say `progress`
   */
  async kick(progress?: JsonValue): Promise<boolean> {
    const data = progress === undefined ? undefined : encodeProgress(progress)
    return !this.signal.aborted && this.#kicks.kick(data)
  }

  /**
   * @internal A file that a process of this worker may make and lock: while the lock is held nobody takes over what
   * this timer holds, even when this process is dead. Undefined where the place of the queue cannot know.
   */
  get guardPath(): string | undefined {
    return this.#queue.incarnation.store.guardPath?.(this.#path)
  }

  /** @internal */
  goneError(): WatchdogError {
    return new WatchdogError('ERR_NOT_FOUND', `Timer ${this.id} is gone: it expired or was cleared`)
  }

  /**
   * Leases one item, at least once; undefined when there was none (in time), or the queue is done. A worker that
   * asks again and again as soon as an ack is on record gets the next items with that ack, in one write; those that
   * it has not come for by the next turn of the event loop are given back.
   */
  async lease(options: LeaseOptions = {}): Promise<Lease<Item> | undefined> {
    checkOptions(options, ['waitMs', 'signal'], 'the options of lease()')
    const waitMs = optionalInteger(options.waitMs, 'waitMs', 0, MAX_WAIT_MS) ?? 0
    optionalSignal(options.signal, 'signal')
    options.signal?.throwIfAborted()
    this.#assertLive()
    const prefetched = await this.#prefetcher.take()
    if (prefetched !== undefined) return this.#hand(prefetched)
    const [ticket, ...others] = (await this.#source.next(1, waitMs, options.signal)) ?? []
    // More than one where a stream had claimed them and was never told.
    if (others.length > 0) await this.#settler.releaseUnhanded(others)
    return ticket && this.#hand(ticket)
  }

  /** Leases items one after the other, fetching more than one at a time where they are short work. */
  leases(options: LeasesOptions = {}): AsyncGenerator<Lease<Item>, void, undefined> {
    return this.#stream(options, () => {})
  }

  async *#stream(
    options: LeasesOptions,
    beforeClaim: () => void,
  ): AsyncGenerator<Lease<Item>, void, undefined> {
    checkOptions(options, ['until', 'timeoutMs', 'maxBatch', 'signal'], 'the options of leases()')
    const { until = 'done', signal } = options
    const timeoutMs = optionalInteger(options.timeoutMs, 'timeoutMs', 1, MAX_WAIT_MS)
    const maxBatch = optionalInteger(options.maxBatch, 'maxBatch', 1, BATCH.max) ?? BATCH.max
    if (until !== 'done' && until !== 'empty') {
      throw new TypeError(`Expected option 'until' to be 'done' or 'empty', got ${describeValue(until)}`)
    }
    optionalSignal(signal, 'signal')
    const waitMs = until === 'done' ? Number.POSITIVE_INFINITY : 0
    let tickets: LeaseTicket[] = []
    try {
      for (;;) {
        const size = Math.min(await this.#batch.size(), maxBatch)
        beforeClaim()
        const next = await this.#source.next(size, waitMs, signal)
        if (next === undefined) return
        tickets = next
        this.#tickets.inStream += tickets.length
        this.#batch.begin(tickets.length)
        while (tickets.length > 0) {
          signal?.throwIfAborted()
          this.signal.throwIfAborted()
          this.#tickets.inStream--
          yield this.#hand(tickets.shift()!, timeoutMs)
        }
        this.#batch.end()
      }
    } finally {
      this.#tickets.inStream -= tickets.length
      await this.#settler.releaseUnhanded(tickets)
    }
  }

  /**
   * Leases, calls `handler`, acks on return (with what it returns, where the queue keeps results), nacks on throw,
   * until the queue is done. An attempt that takes longer than `timeoutMs` is nacked with a TimeoutError, and what
   * its handler does then is no longer waited for.
   */
  async run(handler: (lease: Lease<Item>) => Promise<unknown>, options: RunOptions = {}): Promise<void> {
    const known = ['concurrency', 'until', 'timeoutMs', 'maxBatch', 'drainMs', 'signal']
    checkOptions(options, known, 'the options of run()')
    if (typeof handler !== 'function') throw new TypeError('Expected the handler to be a function')
    const concurrency = optionalInteger(options.concurrency, 'concurrency', 1, 10_000) ?? 1
    const drainMs = optionalInteger(options.drainMs, 'drainMs', 0, MAX_WAIT_MS)
    const { signal, until, timeoutMs, maxBatch } = options
    optionalSignal(signal, 'signal')
    const keepsResults = this.#holder.keepsResults
    const loop = new RunLoop<Item>(handler, { concurrency, keepsResults, timeoutMs, drainMs, signal })
    await loop.over(this.#stream({ until, timeoutMs, maxBatch, signal: loop.signal }, loop.send))
  }

  #hand(ticket: LeaseTicket, timeoutMs?: number): Lease<Item> {
    this.#tickets.hand(ticket)
    return new Lease<Item>(this.#holder, ticket, timeoutMs)
  }

  /** @internal Its handle is closed: one that has nothing in hand has finished, another gives back what it has. */
  async close(): Promise<void> {
    const isIdle = this.#tickets.areIdle && !this.signal.aborted
    await (isIdle ? this.end() : this.releaseAll())
  }

  /** @internal Gives back what is still leased; attempts do not count. */
  releaseAll(): Promise<void> {
    return this.#settler.releaseAll()
  }

  /**
   * Says that this worker has ended, well or not. Leases that are still open are given back first.
   *
   * @param result default `{ status: 'done' }`
   */
  async end(result: EndResult = { status: 'done' }): Promise<void> {
    checkOptions(result, ['status', 'code'], 'the result of a timer')
    if (result.status !== 'done' && result.status !== 'failed') {
      const got = describeValue(result.status)
      throw new TypeError(`Expected option 'status' to be 'done' or 'failed', got ${got}`)
    }
    const code = optionalInteger(result.code, 'code', -(2 ** 31), 2 ** 32)
    if (this.#ended) return
    this.#kicks.cancel()
    await this.releaseAll()
    const { incarnation, timers } = this.#queue
    const verdict = { status: result.status, ...(code === undefined ? {} : { code }) }
    await changeRunningMember(incarnation, this.#wid, (member) => ({ ...member, ...verdict }))
    this.#ended = true
    this.#kicks.stop()
    this.#releaseReaper()
    timers.delete(this)
    this.#prefetched.close()
    // After the verdict: a timer that is gone without one has died.
    await incarnation.store.delete(this.#path, ANY_VERSION)
  }

  /** `end()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }
}
