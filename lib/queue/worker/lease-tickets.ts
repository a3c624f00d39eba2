// What one timer has leased, from the claim to the settlement, and how much of it user code has.

import type { PageSet } from '../items/page-set'
import type { Taken } from '../page-state/page-state'
import type { LeaseTicket } from './lease'

export class LeaseTickets {
  readonly #pages: PageSet
  readonly #tickets = new Set<LeaseTicket>()
  /** Leases that wait in a stream for user code to come back. */
  inStream = 0
  #handed = 0

  constructor(pages: PageSet) {
    this.#pages = pages
  }

  /** Whether user code has none of them, so that it cannot be expected to kick. */
  get areIdle(): boolean {
    return this.#handed === 0
  }

  /** The items of a claim, as leases. */
  async add(page: string, { token, items, attempts, fence }: Taken): Promise<LeaseTicket[]> {
    const tickets: LeaseTicket[] = []
    for (const [from, to] of items) {
      for (const [i, item] of (await this.#pages.items.items(page, from, to)).entries()) {
        const index = from + i
        tickets.push({ page, token, index, attempts, fence, item, inDoubt: false, isHanded: false })
      }
    }
    for (const ticket of tickets) this.#tickets.add(ticket)
    return tickets
  }

  /** From here on user code has it. */
  hand(ticket: LeaseTicket): void {
    ticket.isHanded = true
    this.#handed++
  }

  /** That one is not leased any more. */
  forget(ticket: LeaseTicket): void {
    if (this.#tickets.delete(ticket) && ticket.isHanded) this.#handed--
  }

  /** Those that are not settled. */
  get unsettled(): readonly LeaseTicket[] {
    return [...this.#tickets]
  }
}
