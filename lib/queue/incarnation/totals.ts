// What became of the items of pages that are gone, in a queue that forgets what is done. A page goes in steps, each
// of which may be the last of a process, and each of which another may have made already:
//
//   1  its number is in the total, and its name on the list of those that are leaving: one compare-and-set
//   2  the page goes, then its state
//   3  its name leaves the list
//   4  its marker goes (items/open-pages.ts): whoever meets it before begins at 1
//
// Counted twice is nothing: what is not on the list is counted only while its state is there, read after the total
// at whose version the first step is made; and a state never comes back.

import { isCount, isPageName, isRecord, parseRecord } from '../../util/bounds'
import { WatchdogError } from '../../util/errors'
import { decodeState } from '../page-state/codec'
import { hasNames } from '../page-state/page-name'
import { isComplete } from '../page-state/page-state'
import { ANY_VERSION } from '../store/store'
import type { Incarnation } from './incarnation'

export interface TotalsRecord {
  /** Items of pages that are gone or leaving. */
  readonly done: number
  /** Attempts of them that failed. */
  readonly failed: number
  /** Pages that are in the total, and may still be there. */
  readonly leaving: readonly string[]
  readonly version: number
}

/** In place of a page of items with names, which are kept as long as their queue: that it was. */
const KEPT_TEXT = 'kept'
export const KEPT_PAGE = Buffer.from(KEPT_TEXT)

const NODE = 'totals'
const MAX_LEAVING = 100_000

export function encodeTotals({ done, failed, leaving }: Omit<TotalsRecord, 'version'>): Buffer {
  return Buffer.from(JSON.stringify({ done, failed, leaving }))
}

export class Totals {
  readonly #incarnation: Incarnation

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation
  }

  get #path(): string {
    return this.#incarnation.at(NODE)
  }

  async read(): Promise<TotalsRecord> {
    const { store } = this.#incarnation
    const path = this.#path
    const node = await store.get(path)
    if (node === undefined) throw this.#incarnation.closed()
    const record = parseRecord(node.data)
    // Older versions do not count them.
    const { done, failed = 0, leaving } = record ?? {}
    const isSound =
      isRecord(record) &&
      isCount(done) &&
      isCount(failed) &&
      Array.isArray(leaving) &&
      leaving.length <= MAX_LEAVING &&
      leaving.every(isPageName)
    if (isSound) return { done, failed, leaving: leaving as string[], version: node.version }
    throw new WatchdogError('ERR_CORRUPT', `The totals of ${store.url} are not readable`, { path })
  }

  /** Takes a page away that is done, and keeps its number. One with dead items, or with items to do, stays. */
  async takeAway(page: string): Promise<void> {
    const { store } = this.#incarnation
    if (!(await this.#count(page))) return
    // In this order: without its page a state is of no use to anybody, and nobody makes a new one.
    const path = this.#incarnation.at('pages', page)
    if (hasNames(page)) await store.set(path, KEPT_PAGE, ANY_VERSION, { quiet: true })
    else await store.delete(path, ANY_VERSION)
    await store.delete(this.#incarnation.at('states', page), ANY_VERSION)
    await this.#strike(page)
  }

  /** False: it has to stay, or is gone. */
  async #count(page: string): Promise<boolean> {
    const { store } = this.#incarnation
    for (;;) {
      const { done, failed, leaving, version } = await this.read()
      if (leaving.includes(page)) return true
      const node = await store.get(this.#incarnation.at('states', page))
      // Gone: by somebody who has put it on the list since, and may have been killed with the rest to do.
      if (node === undefined && (await this.read()).version !== version) continue
      const state = node && decodeState(node.data)
      if (state === undefined || !isComplete(state) || state.dead.length > 0) return false
      const sums = { done: done + state.done, failed: failed + state.failed }
      const data = encodeTotals({ ...sums, leaving: [...leaving, page] })
      if ((await store.set(this.#path, data, version, { quiet: true })).kind === 'set') return true
    }
  }

  async #strike(page: string): Promise<void> {
    for (;;) {
      const { done, failed, leaving, version } = await this.read()
      if (!leaving.includes(page)) return
      const data = encodeTotals({ done, failed, leaving: leaving.filter((name) => name !== page) })
      const outcome = await this.#incarnation.store.set(this.#path, data, version, { quiet: true })
      if (outcome.kind === 'set') return
    }
  }
}
