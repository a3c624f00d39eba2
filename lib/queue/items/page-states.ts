// The states of an incarnation's pages, with what stands in the ack logs of its workers: a writer for each.

import type { Incarnation } from '../incarnation/incarnation'
import { fold, type PageState, takeUnhanded } from '../page-state/page-state'
import { PageStateWriter } from './page-state-writer'

/** So many times the pages that there are. */
const MANY = 4

export class PageStates {
  readonly #incarnation: Incarnation
  readonly #writers = new Map<string, PageStateWriter>()

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation
  }

  writer(page: string): PageStateWriter {
    let writer = this.#writers.get(page)
    if (writer === undefined) {
      writer = new PageStateWriter(this.#incarnation, page)
      this.#writers.set(page, writer)
    }
    return writer
  }

  /** Drops what was known of other pages: a handle may live for months, and the pages of its queue for seconds. */
  keepOnly(names: ReadonlySet<string>): void {
    if (this.#writers.size <= MANY * (names.size + 1)) return
    for (const [name, writer] of this.#writers)
      if (!names.has(name) && !writer.isBusy) this.#writers.delete(name)
  }

  /** The newest state that this process has seen. */
  cached(page: string): PageState | undefined {
    return this.#writers.get(page)?.cached
  }

  /** The state of a page, with all acks that are on record elsewhere. */
  async look(page: string): Promise<PageState> {
    const { logs } = this.#incarnation.store
    const writer = this.writer(page)
    const { state } = await writer.read()
    const logged = state.claims.filter(({ log }) => log !== 0)
    if (logs === undefined || logged.length === 0) return state
    const acked = new Map(logged.map(({ token, wid, log }) => [token, logs.read(wid, log)]))
    // In this order: acks go from the log to the state. Those of a claim that is newer have come since.
    return fold((await writer.read()).state, ({ token }) => acked.get(token) ?? 0)
  }

  /** The same, once what workers with a log have claimed and not begun is given back. */
  async takeUnhanded(page: string): Promise<PageState> {
    const { logs } = this.#incarnation.store
    const writer = this.writer(page)
    const { state } = await writer.read()
    if (logs === undefined || takeUnhanded(state, ({ wid, log }) => logs.read(wid, log)).result === 0)
      return state
    await writer.submit<number>({
      name: 'take back what was not begun',
      apply: (newer) => takeUnhanded(newer, ({ wid, log }) => logs.take(wid, log)),
    })
    return writer.cached ?? state
  }
}
