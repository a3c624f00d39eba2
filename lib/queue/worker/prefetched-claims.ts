// What a worker has leased before it asked for it (see prefetcher.ts), and how that is claimed and ended.

import type { AttachedQueue } from '../members/attached-queue'
import type { AckLog } from '../store/store'
import { type BatchLimits, BatchSize } from './batch-size'
import type { ClaimTokens } from './claim-tokens'
import type { LeaseTicket } from './lease'
import type { LeaseTickets } from './lease-tickets'

export const MAX_PREFETCHED = 32
const LIMITS: BatchLimits = { max: MAX_PREFETCHED, ms: 5 }

/**
 * Items of one claim, handed out one after the other: each when all before it are acked. Those acks are logged,
 * but for the last; without a log there is one item.
 */
export class PrefetchedClaim {
  readonly page: string
  readonly token: string
  readonly #tickets: readonly LeaseTicket[]
  readonly #log: { readonly log: AckLog; readonly number: number } | undefined
  #acked = 0
  #isHanded = false

  constructor(tickets: readonly LeaseTicket[], log: { log: AckLog; number: number } | undefined) {
    this.#tickets = tickets
    this.#log = log
    const [{ page, token }] = tickets as [LeaseTicket]
    this.page = page
    this.token = token
  }

  /** How many acks are in the log. */
  get acked(): number {
    return this.#acked
  }

  /** How many items are acked or in hand. */
  get kept(): number {
    return this.#acked + (this.#isHanded ? 1 : 0)
  }

  get unhanded(): readonly LeaseTicket[] {
    return this.#tickets.slice(this.kept)
  }

  get isLogged(): boolean {
    return this.#log !== undefined
  }

  get hasMore(): boolean {
    return this.kept < this.#tickets.length
  }

  hand(): LeaseTicket | undefined {
    if (this.#isHanded) return undefined
    this.#isHanded = true
    return this.#tickets[this.#acked]
  }

  holds(ticket: LeaseTicket): boolean {
    return ticket.token === this.token
  }

  /** Whether that ack is on record now. If not, the claim has to end. */
  record(ticket: LeaseTicket): boolean {
    if (this.#log === undefined || !this.#isHanded || ticket !== this.#tickets[this.#acked]) return false
    if (this.#acked === this.#tickets.length - 1) return false
    if (!this.#log.log.record(this.#log.number)) {
      ticket.inDoubt = true
      return false
    }
    this.#acked++
    this.#isHanded = false
    return true
  }
}

/** How items are prefetched, and given back. */
export interface PrefetchSource {
  /** Leases some of that page. Never rejects. */
  claim(page: string): Promise<PrefetchedClaim | undefined>
  /** Takes the acks of a claim into the store, and gives back what was not handed out. Never rejects. */
  end(claim: PrefetchedClaim): Promise<void>
}

/** A prefetched claim whose end is not on record. */
interface Unended {
  readonly page: string
  readonly token: string
  readonly acked: number
  readonly kept: number
  /** An earlier try may have been applied, or the claim never been made. */
  readonly inDoubt: boolean
}

export class PrefetchedClaims implements PrefetchSource {
  readonly #queue: AttachedQueue
  readonly #wid: string
  readonly #tokens: ClaimTokens
  readonly #tickets: LeaseTickets
  readonly #batch: BatchSize
  #unended: Unended[] = []
  readonly #ending = new Set<Promise<void>>()
  /** Made with the first claim of more than one item. */
  #log: AckLog | undefined
  #isStopped = false

  constructor(queue: AttachedQueue, wid: string, tokens: ClaimTokens, tickets: LeaseTickets) {
    this.#queue = queue
    this.#wid = wid
    this.#tokens = tokens
    this.#tickets = tickets
    this.#batch = new BatchSize(queue, LIMITS)
  }

  /** Leases items of a page whose state is about to be written anyway. */
  async claim(page: string): Promise<PrefetchedClaim | undefined> {
    if (this.#isStopped) return undefined
    this.#batch.end()
    const { max, log } = this.#next()
    const { token, number } = this.#tokens.next()
    try {
      const taken = await this.#queue.pages.chooser.claimFrom(page, {
        token,
        wid: this.#wid,
        max,
        log: log === undefined ? 0 : number,
      })
      if (taken === undefined) return undefined
      const tickets = await this.#tickets.add(page, taken)
      this.#batch.begin(tickets.length)
      return new PrefetchedClaim(tickets, log && { log, number })
    } catch {
      // What fails here fails the ack, too, which tells of it. What was leased all the same goes back.
      this.#unended.push({ page, token, acked: 0, kept: 0, inDoubt: true })
      return undefined
    }
  }

  /** How many items to claim: several only where their acks can be logged. */
  #next(): { max: number; log: AckLog | undefined } {
    const { incarnation } = this.#queue
    // A result has to be on record before its ack is.
    const logs = incarnation.settings.results ? undefined : incarnation.store.logs
    const max = logs === undefined ? 1 : this.#batch.sizeNow()
    if (max === 1) return { max, log: undefined }
    this.#log ??= logs!.open(incarnation.at('timers'), this.#wid)
    return this.#log?.begin() ? { max, log: this.#log } : { max: 1, log: undefined }
  }

  async end(claim: PrefetchedClaim): Promise<void> {
    for (const ticket of claim.unhanded) this.#tickets.forget(ticket)
    if (claim.hasMore) this.#batch.reset()
    const { page, token, acked, kept } = claim
    this.#unended.push({ page, token, acked, kept, inDoubt: false })
    // What fails is tried again before the next claim.
    await this.endAll().catch(() => {})
  }

  /** Until everything has ended, by whoever: what is on its way back must not be missed by our next claim. */
  async endAll(): Promise<void> {
    for (;;) {
      // Out of the list meanwhile: whoever else comes here has others to end.
      const unended = this.#unended.shift()
      if (unended !== undefined) await this.#endOne(unended)
      else if (this.#ending.size > 0) await Promise.allSettled(this.#ending)
      else return
    }
  }

  async #endOne(unended: Unended): Promise<void> {
    const ending = this.#write(unended)
    this.#ending.add(ending)
    try {
      await ending
    } catch (error) {
      this.#unended.push({ ...unended, inDoubt: true })
      throw error
    } finally {
      this.#ending.delete(ending)
    }
    if (this.#isInStore) this.#log?.trim()
  }

  async #write(unended: Unended): Promise<void> {
    const released = await this.#queue.pages.settlements.endLog(unended.page, unended)
    if (released > 0 || unended.inDoubt) await this.#queue.incarnation.notify()
  }

  /** Nothing is in the log only, but for acks of the newest claim. */
  get #isInStore(): boolean {
    return this.#ending.size === 0 && this.#unended.length === 0
  }

  /** No more is claimed, so that nothing is recorded once the newest claim has been ended. */
  stop(): void {
    this.#isStopped = true
  }

  /** What is not in the store by now stays in the log, for the reaper that takes it back. REQUIRES: `stop()`, and the end of all. */
  close(): void {
    if (this.#isInStore) this.#log?.remove()
    else this.#log?.close()
  }

  /** The timer is lost: from here on the store decides about its acks. */
  lose(): void {
    this.#log?.close()
  }
}
