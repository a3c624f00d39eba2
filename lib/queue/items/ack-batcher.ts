// Acks of one claim go out together: those of one turn of the event loop, where more may come, and those that
// come while a write is on its way.

import { ack, type PageState, wasSettled } from '../page-state/page-state'
import type { PageStateWriter } from './page-state-writer'

export interface AckRequest {
  readonly token: string
  readonly index: number
  /** Whether an earlier try may have been applied. */
  readonly inDoubt: boolean
  /** Whether more acks of that claim may come in this turn of the event loop. */
  readonly isPatient: boolean
}

/** `'forgotten'`: it may have been settled by who asks. */
export type Exception = 'lost' | 'forgotten'
/** What became of items that could not be acked. */
type Exceptions = ReadonlyMap<number, Exception>
const NONE: Exceptions = new Map()

/** Acks of one claim that go out in one step. */
interface Acks {
  readonly indexes: number[]
  /** Those of which an earlier try may have been applied. */
  readonly doubts: number[]
  isPatient: boolean
  outcome: Promise<Exceptions> | undefined
}

/** Why a holder's settlement changed nothing; undefined: it was applied before. */
export function exceptionOf(state: PageState, token: string, index: number): Exception | undefined {
  const was = wasSettled(state, token, index)
  if (was === 'forgotten') return was
  return was ? undefined : 'lost'
}

/** What the acks go through. */
export interface Book {
  writer(page: string): PageStateWriter
  finishIfComplete(page: string): Promise<void> | undefined
}

export class AckBatcher {
  readonly #book: Book
  /** Those that have not begun, by the token of their claim. */
  readonly #waiting = new Map<string, Acks>()

  constructor(book: Book) {
    this.#book = book
  }

  /** Ends one lease whose work is done; then, if that was the last item, the page. Undefined: it is done. */
  async add(page: string, { token, index, inDoubt, isPatient }: AckRequest): Promise<Exception | undefined> {
    let acks = this.#waiting.get(token)
    if (acks === undefined) {
      acks = { indexes: [], doubts: [], isPatient, outcome: undefined }
      this.#waiting.set(token, acks)
      acks.outcome = this.#write(page, token, acks)
    } else if (!isPatient) {
      acks.isPatient = false
      this.#book.writer(page).hurry()
    }
    acks.indexes.push(index)
    if (inDoubt) acks.doubts.push(index)
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
      outcome = await this.#book.writer(page).submit<Exceptions>({
        get isPatient() {
          return acks.isPatient
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
      })
    } finally {
      begin()
    }
    await this.#book.finishIfComplete(page)
    return outcome
  }
}
