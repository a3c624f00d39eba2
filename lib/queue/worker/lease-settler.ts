// How the leases of one timer end: acked, nacked or given back by user code, or given back from under it when
// the timer ends.

import { maybeApplied, type WatchdogError } from '../../util/errors'
import type { OwnResult } from '../items/results'
import type { AttachedQueue } from '../members/attached-queue'
import type { Kicks } from './kicks'
import type { LeaseTicket, SettleDetails, Settlement } from './lease'
import type { LeaseTickets } from './lease-tickets'
import type { PrefetchedClaims } from './prefetched-claims'
import type { Prefetcher } from './prefetcher'

/** What a settler works with. */
export interface SettlerParts {
  readonly queue: AttachedQueue
  readonly kicks: Kicks
  readonly tickets: LeaseTickets
  readonly prefetched: PrefetchedClaims
  readonly prefetcher: Prefetcher
}

export class LeaseSettler {
  readonly #parts: SettlerParts

  constructor(parts: SettlerParts) {
    this.#parts = parts
  }

  async settle(
    ticket: LeaseTicket,
    as: Settlement,
    more?: SettleDetails,
  ): Promise<'settled' | 'dead' | 'lost'> {
    const { page, token, index } = ticket
    const { queue, kicks, prefetched, prefetcher } = this.#parts
    if (ticket.returned !== undefined && (await ticket.returned)) return 'lost'
    kicks.touch()
    if (as === 'ack' && prefetcher.record(ticket)) return 'settled'
    const claim = prefetcher.leave(ticket)
    // In the same write as what follows.
    const ending = claim && prefetched.end(claim)
    if (as === 'ack') return this.#ack(ticket, ending, more?.result)
    const { inDoubt } = ticket
    const { letter, delayMs } = more ?? {}
    const request = { token, index, as, letter, delayMs, inDoubt, mayWait: this.#mayWait }
    const settled = queue.pages.settlements.settle(page, request)
    const [outcome] = await Promise.all([settled, ending])
    if (outcome === 'settled') await this.#notify()
    return outcome
  }

  /** A stream with more at hand is likely to settle more in the same turn. */
  get #mayWait(): boolean {
    return this.#parts.tickets.inStream > 0
  }

  async #ack(
    ticket: LeaseTicket,
    ending: Promise<void> | undefined,
    result: OwnResult | undefined,
  ): Promise<'settled' | 'lost'> {
    const { page, token, index, inDoubt } = ticket
    const { queue, prefetcher } = this.#parts
    const request = { token, index, inDoubt, mayWait: this.#mayWait, result }
    const acked = queue.pages.settlements.ack(page, request)
    prefetcher.join(page)
    try {
      return (await Promise.all([acked, ending]))[0]
    } catch (error) {
      throw inDoubt ? maybeApplied(error) : error
    } finally {
      prefetcher.acked()
    }
  }

  /** Tells others of an item that is back. */
  async #notify(): Promise<void> {
    try {
      await this.#parts.queue.incarnation.notify()
    } catch (error) {
      throw maybeApplied(error)
    }
  }

  /** Gives back what user code never had, as far as that goes: `releaseAll()` tries again. */
  async releaseUnhanded(tickets: readonly LeaseTicket[]): Promise<void> {
    await Promise.all(
      tickets.map(async (ticket) => {
        try {
          await this.settle(ticket, 'release')
          this.#parts.tickets.forget(ticket)
        } catch {
          // It stays among the unsettled.
        }
      }),
    )
  }

  /** Gives back what is still leased; attempts do not count. */
  async releaseAll(): Promise<void> {
    const { tickets, prefetched, prefetcher } = this.#parts
    prefetched.stop()
    await prefetcher.drop()
    await prefetched.endAll().catch(() => {})
    await Promise.all(
      tickets.unsettled.map(async (ticket) => {
        ticket.returned ??= this.#giveBack(ticket)
        await ticket.returned
        tickets.forget(ticket)
      }),
    )
  }

  /**
   * From under user code, which may be about to settle it, again or for the first time: what is on record then cannot
   * tell an ack from this. So it is asked here, and without a doubt: was it held until now?
   */
  async #giveBack({ page, token, index }: LeaseTicket): Promise<boolean> {
    const { pages, incarnation } = this.#parts.queue
    try {
      const request = { token, index, as: 'release', inDoubt: false } as const
      const outcome = await pages.settlements.settle(page, request)
      if (outcome !== 'settled') return false
    } catch (error) {
      return (error as WatchdogError).maybeApplied
    }
    await incarnation.notify().catch(() => {})
    return true
  }
}
