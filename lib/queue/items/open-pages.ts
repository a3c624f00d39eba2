// Which pages are unfinished, by their markers, and the end of one: its marker goes, and `open` with the last.

import { EMPTY } from '../../util/bytes'
import { HOLD, type Incarnation } from '../incarnation/incarnation'
import { Totals } from '../incarnation/totals'
import { isComplete } from '../page-state/page-state'
import { ANY_VERSION } from '../store/store'
import type { PageStates } from './page-states'

export class OpenPages {
  readonly #incarnation: Incarnation
  readonly #states: PageStates
  readonly #totals: Totals
  readonly #finishing = new Map<string, Promise<void>>()

  constructor(incarnation: Incarnation, states: PageStates) {
    this.#incarnation = incarnation
    this.#states = states
    this.#totals = new Totals(incarnation)
  }

  /** The unfinished pages, or undefined when the queue is done. */
  async list(): Promise<{ pages: string[]; held: boolean } | undefined> {
    const names = await this.#incarnation.store.list(this.#incarnation.at('open'))
    if (names === undefined) {
      await this.#incarnation.assertThere()
      return undefined
    }
    return { pages: names.filter((name) => name !== HOLD), held: names.includes(HOLD) }
  }

  /** Ends the page when the last write of this process was its last item. */
  finishIfComplete(page: string): Promise<void> | undefined {
    const state = this.#states.cached(page)
    if (state === undefined || !isComplete(state)) return undefined
    // Once for all the acks of one write. The items are settled whether or not this succeeds: whoever
    // waits for the end will do it otherwise.
    let finishing = this.#finishing.get(page)
    if (finishing === undefined) {
      finishing = this.finish(page)
        .catch(() => {})
        .finally(() => this.#finishing.delete(page))
      this.#finishing.set(page, finishing)
    }
    return finishing
  }

  /** Takes the marker of a complete page away, and all of it where the queue forgets what is done; and `open` with the last one: the server says which was last. */
  async finish(page: string): Promise<void> {
    const { store } = this.#incarnation
    const path = this.#incarnation.at('open', page)
    const marker = await store.info(path)
    if (marker === undefined) return
    // In this order: a redrive writes the marker first, so a state that was complete after it is new enough.
    const { state } = await this.#states.writer(page).read()
    if (!isComplete(state)) return
    // The marker last: whoever meets it ends what was begun here.
    if (this.#incarnation.forgetsDone && state.dead.length === 0) await this.#totals.takeAway(page)
    await store.delete(path, marker.version)
    await this.tryDone()
  }

  /** Declares the queue done if it is. */
  async tryDone(): Promise<void> {
    await this.#incarnation.store.delete(this.#incarnation.at('open'), ANY_VERSION)
  }

  /** Makes the page's marker, or a new version of it, which spares it from whoever saw the page complete before. */
  async reopen(page: string): Promise<void> {
    const { store } = this.#incarnation
    const marker = this.#incarnation.at('open', page)
    for (;;) {
      if ((await store.set(marker, EMPTY, ANY_VERSION)).kind === 'set') return
      const made = await store.create(marker, EMPTY)
      if (made === 'created') return
      if (made === 'orphan' && (await store.create(this.#incarnation.at('open'), EMPTY)) === 'orphan') {
        throw this.#incarnation.closed()
      }
    }
  }
}
