// `run()`: so many handlers at once over a stream of leases, an ack for each that returns, a nack for each
// that throws or takes too long. Told to stop, it takes no more, and drains: waits for what is at work, for as long as
// it was told, and gives back the rest.

import type { JsonValue } from '../../scoreboard/types'
import type { Lease } from './lease'

/** How many acks are left on their way before one is waited for. */
const MAX_PENDING_ACKS = 2000

/**
 * Acks that follow each other faster than this go out together, in one write; one that comes after a pause goes at once.
 * So much more of what was done is done again when the process is killed.
 */
const ACK_EVERY_MS = 5

/** What says that an item is out of this worker's hands. */
const NOT_OURS: ReadonlySet<string | undefined> = new Set(['ERR_LEASE_LOST', 'ERR_AMBIGUOUS'])

export type Handler<Item> = (lease: Lease<Item>) => Promise<unknown>

export interface LoopOptions {
  readonly concurrency: number
  /** What a handler returns goes on record. */
  readonly keepsResults: boolean
  /** Whether leases abort by themselves after some time. */
  readonly timeoutMs: number | undefined
  /** How long to wait for what is at work once `signal` aborts; undefined: for ever, and then reject. */
  readonly drainMs: number | undefined
  readonly signal: AbortSignal | undefined
}

export class RunLoop<Item> {
  readonly #handler: Handler<Item>
  readonly #options: LoopOptions
  readonly #active = new Set<Promise<void>>()
  readonly #acks = new Set<Promise<void>>()
  /** Acks that wait for others. */
  readonly #unsent: (() => Promise<void>)[] = []
  #sentAt = Number.NEGATIVE_INFINITY
  #sending: NodeJS.Timeout | undefined
  readonly #failed = new AbortController()
  /** Aborts when draining has taken long enough. */
  readonly #over = new AbortController()
  /** Aborts when no more is to be taken. */
  readonly signal: AbortSignal
  #failure: { readonly error: unknown } | undefined
  #changed: (() => void) | undefined

  constructor(handler: Handler<Item>, options: LoopOptions) {
    this.#handler = handler
    this.#options = options
    const { signal } = options
    this.signal = signal === undefined ? this.#failed.signal : AbortSignal.any([this.#failed.signal, signal])
  }

  /** Ends when the leases do, it is told to stop, or something fails; only when nothing is in hand any more. */
  async over(leases: AsyncIterable<Lease<Item>>): Promise<void> {
    const [active, acks] = [this.#active, this.#acks]
    const { signal } = this.#options
    const stop = () => this.#changed?.()
    this.signal.addEventListener('abort', stop, { once: true })
    const endDrain = this.#startDrain()
    try {
      for await (const lease of leases) {
        this.#track(active, this.#handle(lease))
        while (this.#isFull && !this.signal.aborted) await this.#change()
        // What is claimed and not begun goes back now, not when the handlers have ended.
        this.signal.throwIfAborted()
      }
    } catch (error) {
      const isDrained = this.#isDraining && error === signal!.reason
      if (!isDrained) this.#failure ??= { error }
    }
    for (;;) {
      this.send()
      if (active.size + acks.size === 0) break
      await Promise.all([...active, ...acks])
    }
    this.signal.removeEventListener('abort', stop)
    endDrain()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  get #isFull(): boolean {
    const acks = this.#acks.size + this.#unsent.length
    return this.#active.size >= this.#options.concurrency || acks >= MAX_PENDING_ACKS
  }

  /**
   * Until a handler or an ack has ended, or it is told to stop. `Promise.race()` over all of them would look at each for
   * every item, and what it waits for would remember every race until it is over.
   */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve
    })
  }

  get #isDraining(): boolean {
    const { drainMs, signal } = this.#options
    return drainMs !== undefined && signal?.aborted === true
  }

  #startDrain(): () => void {
    const { drainMs, signal } = this.#options
    if (drainMs === undefined || signal === undefined) return () => {}
    let timer: NodeJS.Timeout | undefined
    const begin = () => {
      timer = setTimeout(() => this.#over.abort(signal.reason), drainMs)
    }
    if (signal.aborted) begin()
    else signal.addEventListener('abort', begin, { once: true })
    return () => {
      signal.removeEventListener('abort', begin)
      clearTimeout(timer)
    }
  }

  async #handle(lease: Lease<Item>): Promise<void> {
    let result: unknown
    try {
      result = await this.#call(lease)
    } catch (error) {
      if (lease.settled) return
      return this.#over.signal.aborted ? lease.release() : lease.nack(error)
    }
    if (lease.settled) return
    this.#unsent.push(() => this.#ack(lease, result))
    const pauseMs = this.#sentAt + ACK_EVERY_MS - performance.now()
    if (pauseMs <= 0) this.send()
    else this.#sending ??= setTimeout(this.send, pauseMs)
  }

  /**
   * Sends the acks that wait for others. To be called before more is claimed, too: what is done must not look as if it
   * was in hand when the next item kills the process.
   */
  readonly send = (): void => {
    clearTimeout(this.#sending)
    this.#sending = undefined
    this.#sentAt = performance.now()
    for (const ack of this.#unsent.splice(0)) this.#track(this.#acks, ack())
  }

  async #ack(lease: Lease<Item>, result: unknown): Promise<void> {
    // The handler may have left something to do it, late.
    if (lease.settled) return
    if (!this.#options.keepsResults) return lease.ack()
    try {
      await lease.ack(result as JsonValue | undefined)
    } catch (error) {
      // A result that cannot be kept is a failed attempt; what became of an ack, the ack knows.
      if (lease.settled || !isRefused(error)) throw error
      await lease.nack(error)
    }
  }

  /** What the handler says, or that its time is over. */
  async #call(lease: Lease<Item>): Promise<unknown> {
    const { timeoutMs, drainMs } = this.#options
    if (timeoutMs === undefined && drainMs === undefined) return this.#handler(lease)
    let giveUp = (_: unknown) => {}
    const overdue = new Promise<never>((_, reject) => {
      giveUp = reject
    })
    const onTimeout = () => {
      if ((lease.signal.reason as { name?: unknown } | undefined)?.name === 'TimeoutError')
        giveUp(lease.signal.reason)
    }
    const onDrained = () => {
      const { reason } = this.#over.signal
      lease.abort(reason)
      giveUp(reason)
    }
    if (timeoutMs !== undefined) lease.signal.addEventListener('abort', onTimeout, { once: true })
    this.#over.signal.addEventListener('abort', onDrained, { once: true })
    if (this.#over.signal.aborted) onDrained()
    overdue.catch(() => {})
    const working = Promise.resolve().then(() => this.#handler(lease))
    try {
      return await Promise.race([working, overdue])
    } finally {
      this.#over.signal.removeEventListener('abort', onDrained)
      if (timeoutMs !== undefined) lease.signal.removeEventListener('abort', onTimeout)
      // What a handler says that nobody waits for any more is its own affair.
      working.catch(() => {})
    }
  }

  #track(set: Set<Promise<void>>, work: Promise<void>): void {
    const tracked = work
      .catch((error) => {
        // That item is done, or another has it; the others are still ours.
        if (NOT_OURS.has((error as { code?: string }).code)) return
        this.#failure ??= { error }
        this.#failed.abort(this.#failure.error)
      })
      .finally(() => {
        set.delete(tracked)
        this.#changed?.()
      })
    set.add(tracked)
  }
}

function isRefused(error: unknown): boolean {
  const isMisuse = error instanceof TypeError || error instanceof RangeError
  return isMisuse || (error as { code?: string }).code === 'ERR_TOO_LARGE'
}
