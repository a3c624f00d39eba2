// `run()`: so many handlers at once over a stream of leases, an ack for each that returns, a nack for each
// that throws.

import type { Lease } from './lease'

/** How many acks are left on their way before one is waited for. */
const MAX_PENDING_ACKS = 2000

/** What says that an item is out of this worker's hands. */
const NOT_OURS: ReadonlySet<string | undefined> = new Set(['ERR_LEASE_LOST', 'ERR_AMBIGUOUS'])

export type Handler<Item> = (lease: Lease<Item>) => Promise<unknown>

export class RunLoop<Item> {
  readonly #handler: Handler<Item>
  readonly #concurrency: number
  readonly #active = new Set<Promise<void>>()
  readonly #acks = new Set<Promise<void>>()
  readonly #failed = new AbortController()
  #failure: { readonly error: unknown } | undefined

  constructor(handler: Handler<Item>, concurrency: number) {
    this.#handler = handler
    this.#concurrency = concurrency
  }

  /** Aborts when an ack or nack fails, so that no more is leased. */
  get signal(): AbortSignal {
    return this.#failed.signal
  }

  /** Ends when the leases do, or something fails; either way only when nothing is in hand any more. */
  async over(leases: AsyncIterable<Lease<Item>>): Promise<void> {
    const [active, acks] = [this.#active, this.#acks]
    try {
      for await (const lease of leases) {
        this.#track(active, this.#handle(lease))
        while (active.size >= this.#concurrency) await Promise.race(active)
        while (acks.size >= MAX_PENDING_ACKS) await Promise.race(acks)
      }
    } catch (error) {
      this.#failure ??= { error }
    }
    while (active.size + acks.size > 0) await Promise.all([...active, ...acks])
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #handle(lease: Lease<Item>): Promise<void> {
    try {
      await this.#handler(lease)
    } catch (error) {
      return lease.settled ? undefined : lease.nack(error)
    }
    if (!lease.settled) this.#track(this.#acks, lease.ack())
  }

  #track(set: Set<Promise<void>>, work: Promise<void>): void {
    const tracked = work
      .catch((error) => {
        // That item is done, or another has it; the others are still ours.
        if (NOT_OURS.has((error as { code?: string }).code)) return
        this.#failure ??= { error }
        this.#failed.abort(this.#failure.error)
      })
      .finally(() => set.delete(tracked))
    set.add(tracked)
  }
}
