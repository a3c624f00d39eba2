// How many items to lease at once. More than one saves writes; too many let a slow worker hoard
// what others could do. So a batch starts at one, grows while it is expected to end soon, and
// never takes more than a fair share of what is left.

import type { AttachedQueue } from '../members/attached-queue'

export interface BatchLimits {
  /** Items of one batch at most. */
  readonly max: number
  /** How long one may be expected to last. */
  readonly ms: number
}

/** A batch is at most this part of one worker's fair share. */
const SHARE = 4
const COUNT_MS = 1000

export class BatchSize {
  readonly #queue: AttachedQueue
  readonly #limits: BatchLimits
  #last = 0
  /** The last that was as long as it was asked for. */
  #full = 0
  #asked = 1
  #begun = 0
  #msPerItem = Number.POSITIVE_INFINITY
  #workers = 1
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(queue: AttachedQueue, limits: BatchLimits) {
    this.#queue = queue
    this.#limits = limits
  }

  get #wanted(): number {
    if (this.#full === 0) return 1
    return Math.min(this.#full * 2, Math.floor(this.#limits.ms / this.#msPerItem), this.#limits.max)
  }

  async size(): Promise<number> {
    if (this.#wanted > 1) await this.#count()
    return this.sizeNow()
  }

  /** The same, as far as that is known without a question to the store. */
  sizeNow(): number {
    const wanted = this.#wanted
    const share = wanted > 1 ? this.#queue.pages.chooser.estimate / (SHARE * this.#workers) : 1
    this.#asked = Math.max(1, Math.min(wanted, Math.floor(share)))
    return this.#asked
  }

  async #count(): Promise<void> {
    if (performance.now() - this.#countedAt < COUNT_MS) return
    const { incarnation } = this.#queue
    this.#workers = Math.max(1, (await incarnation.store.info(incarnation.at('timers')))?.children ?? 1)
    this.#countedAt = performance.now()
  }

  begin(items: number): void {
    this.#last = items
    // One that was short for want of items says nothing against longer ones.
    if (items >= this.#asked) this.#full = items
    this.#begun = performance.now()
    if (items > 1) this.#count().catch(() => {})
  }

  /** The batch has been handed out, and user code is back for more. */
  end(): void {
    this.#msPerItem = Math.max(0.001, (performance.now() - this.#begun) / this.#last)
  }

  /** The next one is of one item again. */
  reset(): void {
    this.#full = 0
  }
}
