// One item, leased to one timer until it is acked, nacked or given back, or the timer is gone.

import { inspect } from 'node:util'
import type { JsonValue } from '../../scoreboard/types'
import { MAX_MS } from '../../util/bounds'
import { checkOptions, optionalInteger } from '../../util/check-options'
import { WatchdogError } from '../../util/errors'
import type { DeadLetterRecord, LetterError } from '../items/dead-letter'
import { encodeResult, type OwnResult } from '../items/results'
import type { Setback } from '../page-state/page-state'
import type { NackOptions } from '../types'

export type Settlement = 'ack' | Setback

/** What is said with the end of a lease. */
export interface SettleDetails {
  readonly letter?: DeadLetterRecord
  readonly delayMs?: number
  readonly result?: OwnResult
}

/** What a lease needs of its timer. */
export interface LeaseHolder {
  readonly id: string
  readonly maxAttempts: number
  readonly signal: AbortSignal
  /** Whether the queue keeps results. */
  readonly keepsResults: boolean
  /** How long an item waits after so many failed attempts, in milliseconds. */
  backoffMs(attempts: number): number
  settle(ticket: LeaseTicket, as: Settlement, more?: SettleDetails): Promise<'settled' | 'dead' | 'lost'>
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

function letterError(error: unknown): LetterError | undefined {
  if (error === undefined) return undefined
  const message = textOf(error).slice(0, MAX_ERROR_CHARACTERS)
  return { message, ...textField(error, 'name'), ...textField(error, 'stack') }
}

function textField<N extends 'name' | 'stack'>(error: unknown, name: N): { readonly [K in N]?: string } {
  try {
    const text = error instanceof Error ? error[name] : undefined
    return typeof text === 'string'
      ? ({ [name]: text.slice(0, MAX_ERROR_CHARACTERS) } as { [K in N]?: string })
      : {}
  } catch {
    return {}
  }
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
  #failure: unknown
  #ending: Promise<void> | undefined
  #ended = false
  readonly #limit: NodeJS.Timeout | undefined

  /** `timeoutMs`: the signal aborts after that. */
  constructor(holder: LeaseHolder, ticket: LeaseTicket, timeoutMs?: number) {
    this.item = ticket.item as Item
    this.id = `${ticket.page}-${ticket.index}`
    this.attempt = ticket.attempts + 1
    this.isLastAttempt = this.attempt >= holder.maxAttempts
    this.fence = BigInt(ticket.fence)
    this.#holder = holder
    this.#ticket = ticket
    if (timeoutMs === undefined) return
    this.#limit = setTimeout(() => {
      const why = `Attempt ${this.attempt} of item ${this.id} took longer than ${timeoutMs} ms`
      this.abort(new DOMException(why, 'TimeoutError'))
    }, timeoutMs)
  }

  /** Aborts when the lease is found lost, its time is over, or its timer is expired, cleared or lost. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#abort = new AbortController()
      if (this.#failure !== undefined) this.#abort.abort(this.#failure)
      this.#signal = AbortSignal.any([this.#abort.signal, this.#holder.signal])
    }
    return this.#signal
  }

  /** @internal Tells whoever works on it that it is in vain. */
  abort(reason: unknown): void {
    this.#failure ??= reason
    this.#abort?.abort(reason)
  }

  /** Whether it was acked, nacked or released, or that is on its way. */
  get settled(): boolean {
    return this.#ending !== undefined
  }

  /**
   * The work is done. Resolves once that is on record.
   *
   * @param result for `results()`, in a queue with `results: true`: anything JSON can say, up to 65,536 bytes of it
   * @throws {TypeError} JSON cannot say the result, or the queue keeps none; the lease is still held
   * @throws {WatchdogError} ERR_LEASE_LOST: another has (had) the item. ERR_AMBIGUOUS: the connection broke, and
   *   so much has happened before it was back that nobody can know whether the ack was in time.
   */
  ack(result?: JsonValue): Promise<void> {
    if (!this.#holder.keepsResults && result === undefined) return this.#end('ack')
    try {
      return this.#end('ack', { result: this.#resultOf(result) })
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #resultOf(result: JsonValue | undefined): OwnResult {
    if (!this.#holder.keepsResults) {
      throw new TypeError("Expected no result: the queue keeps none; create it with option 'results': true")
    }
    const { attempt } = this
    return { attempt, fence: this.#ticket.fence, worker: this.#holder.id, json: encodeResult(result) }
  }

  /**
   * The attempt failed. The item comes back, or is a dead letter after the last attempt.
   *
   * @param error for the dead letter: its message, name and stack, up to 4,000 characters of each
   */
  nack(error?: unknown, options: NackOptions = {}): Promise<void> {
    checkOptions(options, ['delayMs'], 'the options of nack()')
    const delayMs =
      optionalInteger(options.delayMs, 'delayMs', 0, MAX_MS) ?? this.#holder.backoffMs(this.attempt)
    const known = letterError(error)
    const letter = {
      attempts: this.attempt,
      worker: this.#holder.id,
      ...(known === undefined ? {} : { error: known }),
    }
    return this.#end('nack', { letter, delayMs })
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

  #end(as: Settlement, more?: SettleDetails): Promise<void> {
    if (this.#ending !== undefined) {
      return Promise.reject(
        new WatchdogError(
          'ERR_CLOSED',
          `The lease of item ${this.id} has been acked, nacked or released before`,
        ),
      )
    }
    this.#ending = this.#settle(as, more)
    return this.#ending
  }

  async #settle(as: Settlement, more?: SettleDetails): Promise<void> {
    let outcome: 'settled' | 'dead' | 'lost'
    try {
      outcome = await this.#holder.settle(this.#ticket, as, more)
    } catch (error) {
      if (error instanceof WatchdogError && error.code === 'ERR_AMBIGUOUS') {
        // Nobody can know any more; the item is in the queue's hands, or done.
        this.#over()
        this.abort(error)
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
    this.abort(error)
    throw error
  }

  #over(): void {
    this.#ended = true
    clearTimeout(this.#limit)
    this.#holder.forget(this.#ticket)
  }
}
