// Prefetching: a worker that asks for its next item as soon as it has acked one has both done in one write. Only
// a worker that was seen to work like that, one item at a time, gets some; and what nobody has come for
// when the event loop has turned is given back, so that no worker sits on what another could do.

import type { LeaseTicket } from './lease'
import type { PrefetchedClaim, PrefetchSource } from './prefetched-claims'

/** How many acks in a row have to be followed by lease() before something is leased with the next. */
const FOLLOWED = 3

export class Prefetcher {
  readonly #source: PrefetchSource
  #followed = 0
  /** Whether lease() was not called since an ack began; and since that ack has ended. */
  #isAwaited = false
  #isLate = false
  #isTurning = false
  /** Grows with every lease() and ack. */
  #moves = 0
  #movesThen = 0
  #next: Promise<PrefetchedClaim | undefined> | undefined
  #current: PrefetchedClaim | undefined

  constructor(source: PrefetchSource) {
    this.#source = source
  }

  /** Whether that ack is on record already, without the store. */
  record(ticket: LeaseTicket): boolean {
    if (this.#current?.holds(ticket) !== true || !this.#current.record(ticket)) return false
    this.#begun()
    this.acked()
    return true
  }

  #begun(): void {
    this.#moves++
    if (this.#isAwaited) this.#followed = 0
    this.#isAwaited = true
  }

  /** The claim that this ticket is of: it is not handed out from any more, and has to be ended. */
  leave(ticket: LeaseTicket): PrefetchedClaim | undefined {
    const claim = this.#current
    if (claim?.holds(ticket) !== true) return undefined
    this.#current = undefined
    return claim
  }

  /** An ack is on its way to the store, and a claim may join it, in the same turn. */
  join(page: string): void {
    this.#begun()
    if (this.#followed < FOLLOWED || this.#next !== undefined || this.#current !== undefined) return
    this.#next = this.#source.claim(page)
  }

  /** That ack has ended, well or not. */
  acked(): void {
    this.#isLate = this.#isAwaited
    if (this.#isLate) this.#awaitTurn()
  }

  #awaitTurn(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    this.#movesThen = this.#moves
    setImmediate(this.#turned)
  }

  readonly #turned = () => {
    this.#isTurning = false
    if (!this.#isLate && this.#moves !== this.#movesThen) {
      if (this.#current !== undefined) this.#awaitTurn()
      return
    }
    this.#isAwaited = false
    this.#isLate = false
    this.#followed = 0
    void this.drop()
  }

  /** lease() was called: the next item that was leased for it, if there is one. */
  async take(): Promise<LeaseTicket | undefined> {
    this.#moves++
    if (this.#isAwaited) this.#followed++
    this.#isAwaited = false
    this.#isLate = false
    await this.#arrive()
    const claim = this.#current
    if (claim === undefined) return undefined
    const ticket = claim.hand()
    // A worker that asks for another item before the last one is acked does not work singly.
    if (ticket === undefined) await this.drop()
    else if (claim.isLogged) this.#awaitTurn()
    else this.#current = undefined
    return ticket
  }

  async #arrive(): Promise<void> {
    const next = this.#next
    if (next === undefined) return
    const claim = await next
    // Of several that wait for it, the first puts it in its place; until then nobody claims another.
    if (this.#next !== next) return
    this.#next = undefined
    this.#current = claim
  }

  /** Gives back what nobody has asked for. */
  async drop(): Promise<void> {
    await this.#arrive()
    const claim = this.#current
    this.#current = undefined
    if (claim !== undefined) await this.#source.end(claim)
  }
}
