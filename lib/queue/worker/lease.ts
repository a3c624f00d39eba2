// One item, leased to one timer until it is acked, nacked or given back, or the timer is gone.

import { inspect } from 'node:util'
import { WatchdogError } from '../../util/errors'
import type { DeadLetterRecord } from '../items/dead-letter'
import type { Setback } from '../page-state/page-state'

export type Settlement = 'ack' | Setback

/** What a lease needs of its timer. */
export interface LeaseHolder {
  readonly id: string
  readonly maxAttempts: number
  readonly signal: AbortSignal
  settle(ticket: LeaseTicket, as: Settlement, letter?: DeadLetterRecord): Promise<'settled' | 'dead' | 'lost'>
  forget(ticket: LeaseTicket): void
}

/** Where a lease stands in the pages, and what it is of. */
export interface LeaseTicket {
  readonly item: unknown
  readonly page: string
  readonly token: string
  readonly index: number
  readonly attempts: number
  readonly fence: number
  /** An earlier try to end it may have been applied. */
  inDoubt: boolean
  /** User code has it. */
  isHanded: boolean
  /** Its timer has given it back, or tries to: whether that is so now. Never rejects. */
  returned?: Promise<boolean>
}

const MAX_ERROR_CHARACTERS = 4000

function errorMessage(error: unknown): { message: string } | undefined {
  if (error === undefined) return undefined
  return { message: textOf(error).slice(0, MAX_ERROR_CHARACTERS) }
}

/** Whatever users throw: its getters may throw too, and it may be a circle or a BigInt. */
function textOf(error: unknown): string {
  try {
    if (typeof error === 'string') return error
    if (error instanceof Error && typeof error.message === 'string') return error.message
    return JSON.stringify(error) ?? String(error)
  } catch {
    return describeSafely(error)
  }
}

function describeSafely(error: unknown): string {
  try {
    return typeof error === 'bigint' ? `${error}` : inspect(error, { depth: 1, customInspect: false })
  } catch {
    return 'a value that cannot be shown'
  }
}

/** An item that one worker has, until it acks, nacks or releases it, or loses it. */
export class Lease<Item = string> {
  readonly item: Item
  /** The item's id: the same on every attempt and in its dead letter. */
  readonly id: string
  /** 1, 2, ...; starts again after a redrive. */
  readonly attempt: number
  /** Whether the item is a dead letter when this attempt fails. */
  readonly isLastAttempt: boolean
  /**
   * Grows with every lease of the item. Hand it to whatever the work writes to, so that it can
   * refuse a holder that was overtaken.
   */
  readonly fence: bigint
  readonly #holder: LeaseHolder
  readonly #ticket: LeaseTicket
  /** Made when somebody asks for the signal: most never do, and it costs as much as the rest of a lease. */
  #abort: AbortController | undefined
  #signal: AbortSignal | undefined
  #failure: WatchdogError | undefined
  #ending: Promise<void> | undefined
  #ended = false

  constructor(holder: LeaseHolder, ticket: LeaseTicket) {
    this.item = ticket.item as Item
    this.id = `${ticket.page}-${ticket.index}`
    this.attempt = ticket.attempts + 1
    this.isLastAttempt = this.attempt >= holder.maxAttempts
    this.fence = BigInt(ticket.fence)
    this.#holder = holder
    this.#ticket = ticket
  }

  /** Aborts when the lease is found lost, or its timer is expired, cleared or lost. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#abort = new AbortController()
      if (this.#failure !== undefined) this.#abort.abort(this.#failure)
      this.#signal = AbortSignal.any([this.#abort.signal, this.#holder.signal])
    }
    return this.#signal
  }

  #fail(error: WatchdogError): void {
    this.#failure = error
    this.#abort?.abort(error)
  }

  /** Whether it was acked, nacked or released, or that is on its way. */
  get settled(): boolean {
    return this.#ending !== undefined
  }

  /**
   * The work is done. Resolves once that is on record.
   *
   * @throws {WatchdogError} ERR_LEASE_LOST: another has (had) the item. ERR_AMBIGUOUS: the connection broke, and
   *   so much has happened before it was back that nobody can know whether the ack was in time.
   */
  ack(): Promise<void> {
    return this.#end('ack')
  }

  /** The attempt failed. The item comes back, or is a dead letter after the last attempt. */
  nack(error?: unknown): Promise<void> {
    const message = errorMessage(error)
    return this.#end('nack', {
      attempts: this.attempt,
      worker: this.#holder.id,
      ...(message === undefined ? {} : { error: message }),
    })
  }

  /** Gives the item back; the attempt does not count. */
  release(): Promise<void> {
    return this.#end('release')
  }

  /** Gives the item back where nothing was said about it, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ending !== undefined) await this.#ending.catch(() => {})
    if (this.#ended) return
    await this.release().catch((error: WatchdogError) => {
      if (error.code !== 'ERR_LEASE_LOST' && error.code !== 'ERR_AMBIGUOUS') throw error
    })
  }

  #end(as: Settlement, letter?: DeadLetterRecord): Promise<void> {
    if (this.#ending !== undefined) {
      return Promise.reject(
        new WatchdogError(
          'ERR_CLOSED',
          `The lease of item ${this.id} has been acked, nacked or released before`,
        ),
      )
    }
    this.#ending = this.#settle(as, letter)
    return this.#ending
  }

  async #settle(as: Settlement, letter?: DeadLetterRecord): Promise<void> {
    let outcome: 'settled' | 'dead' | 'lost'
    try {
      outcome = await this.#holder.settle(this.#ticket, as, letter)
    } catch (error) {
      if (error instanceof WatchdogError && error.code === 'ERR_AMBIGUOUS') {
        // Nobody can know any more; the item is in the queue's hands, or done.
        this.#over()
        this.#fail(error)
        throw error
      }
      // Not known to have happened: the caller may try again.
      if (error instanceof WatchdogError && error.maybeApplied) this.#ticket.inDoubt = true
      this.#ending = undefined
      throw error
    }
    this.#over()
    if (outcome !== 'lost') return
    const error = new WatchdogError(
      'ERR_LEASE_LOST',
      `The lease of item ${this.id} (attempt ${this.attempt}) was taken away before: timer ${this.#holder.id} was taken for dead or expired`,
      { retryable: false },
    )
    this.#fail(error)
    throw error
  }

  #over(): void {
    this.#ended = true
    this.#holder.forget(this.#ticket)
  }
}
