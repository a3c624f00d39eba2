// Items leased ahead: a worker that asks for its next item as soon as it has acked one has both done in one
// write. Only who was seen to work like that, one item at a time, gets some; and what nobody has come for
// when the event loop has turned is given back, so that no worker sits on what another could do.

import type { LeaseTicket } from './lease'
import type { PrefetchedClaim } from './prefetched-claim'

/** How many acks in a row have to be followed by lease() before something is leased with the next. */
const FOLLOWED = 3

/** What the items are leased by, and given back. */
export interface PrefetchSource {
  /** Leases some of that page. Never rejects. */
  claim(page: string): Promise<PrefetchedClaim | undefined>
  /** Takes the acks of a reserve into the store, and gives back what was not handed out. Never rejects. */
  end(reserve: PrefetchedClaim): Promise<void>
}

export class Prefetcher {
  readonly #supply: PrefetchSource
  #followed = 0
  /** Whether lease() was not called since an ack began; and since that ack has ended. */
  #isAwaited = false
  #isLate = false
  #isTurning = false
  /** Grows with every lease() and ack. */
  #moves = 0
  #movesThen = 0
  #next: Promise<PrefetchedClaim | undefined> | undefined
  #reserve: PrefetchedClaim | undefined

  constructor(supply: PrefetchSource) {
    this.#supply = supply
  }

  /** Whether that ack is on record already, without the store. */
  record(ticket: LeaseTicket): boolean {
    if (this.#reserve?.holds(ticket) !== true || !this.#reserve.record(ticket)) return false
    this.#begun()
    this.acked()
    return true
  }

  #begun(): void {
    this.#moves++
    if (this.#isAwaited) this.#followed = 0
    this.#isAwaited = true
  }

  /** The reserve that this ticket is of: it is not handed out from any more, and has to be ended. */
  leave(ticket: LeaseTicket): PrefetchedClaim | undefined {
    const reserve = this.#reserve
    if (reserve?.holds(ticket) !== true) return undefined
    this.#reserve = undefined
    return reserve
  }

  /** An ack is on its way to the store, and a claim may join it, in the same turn. */
  join(page: string): void {
    this.#begun()
    if (this.#followed < FOLLOWED || this.#next !== undefined || this.#reserve !== undefined) return
    this.#next = this.#supply.claim(page)
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
      if (this.#reserve !== undefined) this.#awaitTurn()
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
    const reserve = this.#reserve
    if (reserve === undefined) return undefined
    const ticket = reserve.hand()
    // Who asks for another item before the last one is acked does not work singly.
    if (ticket === undefined) await this.drop()
    else if (reserve.isLogged) this.#awaitTurn()
    else this.#reserve = undefined
    return ticket
  }

  async #arrive(): Promise<void> {
    const next = this.#next
    if (next === undefined) return
    const reserve = await next
    // Of several who wait for it, the first puts it in its place; until then nobody claims another.
    if (this.#next !== next) return
    this.#next = undefined
    this.#reserve = reserve
  }

  /** Gives back what nobody has asked for. */
  async drop(): Promise<void> {
    await this.#arrive()
    const reserve = this.#reserve
    this.#reserve = undefined
    if (reserve !== undefined) await this.#supply.end(reserve)
  }
}
