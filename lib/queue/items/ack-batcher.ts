// Acks of one claim go out together: those of one turn of the event loop, where more may come, and those that
// come while a write is on its way.

import type { Incarnation } from '../incarnation/incarnation'
import { ack, type PageState, wasSettled } from '../page-state/page-state'
import type { OpenPages } from './open-pages'
import type { PageStates } from './page-states'
import { type OwnResult, writeResults } from './results'

export interface AckRequest {
  readonly token: string
  readonly index: number
  /** Whether an earlier try may have been applied. */
  readonly inDoubt: boolean
  /** On record before the ack is, where the queue keeps results. */
  readonly result?: OwnResult | undefined
  /** Whether more acks of that claim may come in this turn of the event loop. */
  readonly mayWait: boolean
}

/** `'forgotten'`: it may have been settled by the caller. */
export type Exception = 'lost' | 'forgotten'
/** What became of items that could not be acked. */
type Exceptions = ReadonlyMap<number, Exception>
const NONE: Exceptions = new Map()

/** Acks of one claim that go out in one step. */
interface Acks {
  readonly indexes: number[]
  /** Those of which an earlier try may have been applied. */
  readonly doubts: number[]
  readonly results: Map<number, OwnResult>
  written: Promise<void> | undefined
  mayWait: boolean
  outcome: Promise<Exceptions> | undefined
}

/** Why a holder's settlement changed nothing; undefined: it was applied before. */
export function exceptionOf(state: PageState, token: string, index: number): Exception | undefined {
  const was = wasSettled(state, token, index)
  if (was === 'forgotten') return was
  return was ? undefined : 'lost'
}

export class AckBatcher {
  readonly #incarnation: Incarnation
  readonly #states: PageStates
  readonly #open: OpenPages
  /** Those that have not begun, by the token of their claim. */
  readonly #waiting = new Map<string, Acks>()

  constructor(incarnation: Incarnation, states: PageStates, open: OpenPages) {
    this.#incarnation = incarnation
    this.#states = states
    this.#open = open
  }

  /** Ends one lease whose work is done; then, if that was the last item, the page. Undefined: it is done. */
  async add(
    page: string,
    { token, index, inDoubt, mayWait, result }: AckRequest,
  ): Promise<Exception | undefined> {
    let acks = this.#waiting.get(token)
    if (acks === undefined) {
      acks = {
        indexes: [],
        doubts: [],
        results: new Map(),
        written: undefined,
        mayWait,
        outcome: undefined,
      }
      this.#waiting.set(token, acks)
      acks.outcome = this.#write(page, token, acks)
    } else if (!mayWait) {
      acks.mayWait = false
      this.#states.writer(page).hurry()
    }
    acks.indexes.push(index)
    if (inDoubt) acks.doubts.push(index)
    if (result !== undefined) acks.results.set(index, result)
    return (await acks.outcome!).get(index)
  }

  async #write(page: string, token: string, acks: Acks): Promise<Exceptions> {
    const { indexes, doubts } = acks
    /** From here on others make a step of their own. */
    const begin = () => {
      if (this.#waiting.get(token) === acks) this.#waiting.delete(token)
    }
    let outcome: Exceptions
    try {
      outcome = await this.#states.writer(page).submit<Exceptions>({
        get name() {
          return `ack of ${indexes.length}`
        },
        get mayWait() {
          return acks.mayWait
        },
        apply: (state, unsure) => {
          begin()
          const { state: acked, result: lost } = ack(state, { token, indexes })
          if (lost.length === 0) return { state: acked, result: NONE }
          const exceptions = new Map<number, Exception>()
          for (const index of lost) {
            const isDoubtful = unsure || doubts.includes(index)
            const exception = isDoubtful ? exceptionOf(state, token, index) : 'lost'
            if (exception !== undefined) exceptions.set(index, exception)
          }
          return { state: acked, result: exceptions }
        },
        // Once for all tries; those of items that turn out to be another's do no harm (results.ts).
        prepare: () => {
          if (acks.results.size === 0) return undefined
          acks.written ??= writeResults(this.#incarnation, page, acks.results)
          return acks.written
        },
      })
    } finally {
      begin()
    }
    await this.#open.finishIfComplete(page)
    return outcome
  }
}
