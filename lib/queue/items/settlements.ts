// How leases end: by their holder, by the reaper, or by a new life of dead items. What has to be on record
// before a state is, a dead letter, is written before; the page is ended after its last item.

import { WatchdogError } from '../../util/errors'
import type { Incarnation } from '../incarnation/incarnation'
import {
  endLog,
  fold,
  type Logged,
  MAX_REVOKED,
  type Reaped,
  reap,
  redrive,
  type Setback,
  settle,
} from '../page-state/page-state'
import { AckBatcher, type AckRequest, type Exception, exceptionOf } from './ack-batcher'
import { type DeadLetterRecord, writeDeadLetter } from './dead-letter'
import type { OpenPages } from './open-pages'
import type { PageStates } from './page-states'

/** What came of a request is not on record any more, for that reason. */
export function ambiguous(what: string, why: string): WatchdogError {
  return new WatchdogError('ERR_AMBIGUOUS', `${what}: ${why}, so what came of it is no longer on record`, {
    retryable: false,
    maybeApplied: true,
  })
}

export class Settlements {
  readonly #incarnation: Incarnation
  readonly #states: PageStates
  readonly #open: OpenPages
  readonly #acks: AckBatcher

  constructor(incarnation: Incarnation, states: PageStates, open: OpenPages) {
    this.#incarnation = incarnation
    this.#states = states
    this.#open = open
    this.#acks = new AckBatcher(incarnation, states, open)
  }

  /** Ends one lease whose work is done; then, if that was the last item, the page. */
  async ack(page: string, request: AckRequest): Promise<'settled' | 'lost'> {
    const exception = await this.#acks.add(page, request)
    if (exception === 'forgotten') throw this.#forgotten(page, request.index)
    return exception ?? 'settled'
  }

  /** Ends one lease whose work was not done; then, if that was the last item, the page. */
  async settle(
    page: string,
    request: {
      token: string
      index: number
      as: Setback
      letter?: DeadLetterRecord
      inDoubt: boolean
      /** Not to be leased again so soon, in milliseconds. */
      delayMs?: number
      /** Whether more settlements of that page may come in this turn of the event loop. */
      mayWait?: boolean
    },
  ): Promise<'settled' | 'dead' | 'lost'> {
    const { token, index, delayMs = 0, mayWait } = request
    const { maxAttempts } = this.#incarnation.settings
    const until = delayMs > 0 ? await this.#in(delayMs) : undefined
    const result = await this.#states.writer(page).submit<'settled' | 'dead' | Exception>({
      name: request.as,
      mayWait,
      apply: (state, unsure) => {
        const outcome = settle(state, { ...request, maxAttempts, until })
        if (outcome.result !== 'lost' || !(unsure || request.inDoubt)) return outcome
        return { state, result: exceptionOf(state, token, index) ?? 'settled' }
      },
      prepare: (outcome) => {
        if (outcome !== 'dead') return undefined
        return writeDeadLetter(this.#incarnation, { page, index }, request.letter ?? {})
      },
    })
    await this.#open.finishIfComplete(page)
    if (result === 'forgotten') throw this.#forgotten(page, index)
    return result
  }

  /** By the clock of the store. */
  async #in(delayMs: number): Promise<number> {
    await this.#incarnation.upgrade()
    return Math.ceil((await this.#incarnation.clock.atMost()) + delayMs)
  }

  #forgotten(page: string, index: number): WatchdogError {
    const why = `${MAX_REVOKED} leases of page ${page} have been taken from dead workers since`
    return ambiguous(`Item ${page}-${index} may be settled or leased anew`, why)
  }

  /**
   * The acks of that claim are in its page's state from now on: the first `acked` with this. What comes after
   * the first `kept` is given back. Says how many those were.
   */
  async endLog(
    page: string,
    request: { token: string; acked: number; kept: number; inDoubt: boolean },
  ): Promise<number> {
    if (request.inDoubt) await this.#incarnation.store.sync()
    const released = await this.#states.writer(page).submit<number>({
      name: 'end of a log',
      apply: (state) => endLog(state, request),
    })
    await this.#open.finishIfComplete(page)
    return released
  }

  /** Takes back what the timers that are gone have held. */
  async reap(page: string, isGone: (wid: string) => boolean): Promise<Reaped> {
    const { settings, store } = this.#incarnation
    const { maxAttempts } = settings
    const logged: Logged = ({ wid, log }) => (isGone(wid) ? (store.logs?.take(wid, log) ?? 0) : 0)
    return this.#states.writer(page).submit<Reaped>({
      name: 'reap',
      apply: (state) => reap(fold(state, logged), { isGone, maxAttempts }),
      prepare: async ({ dead }) => {
        await Promise.all(
          dead.map(({ index, attempts, wid }) =>
            writeDeadLetter(this.#incarnation, { page, index }, { attempts, wid }),
          ),
        )
      },
    })
  }

  /** Gives those dead items of the page a new life. Returns how many were dead. */
  async redrive(page: string, indexes: readonly number[]): Promise<number> {
    await this.#open.reopen(page)
    const revived = await this.#states.writer(page).submit<number>({
      name: 'redrive',
      apply: (state) => redrive(state, indexes),
    })
    // Somebody may have seen the page complete, and closed it, between those two.
    if (revived > 0) await this.#open.reopen(page)
    return revived
  }
}
