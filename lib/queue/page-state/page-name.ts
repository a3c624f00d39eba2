// What the name of a page says: its place among the others, and what is true of all of its items. So that it is
// known without a look at the page, and never changes.
//
//   p00012                  the thirteenth page that the queue was made with
//   q000000001000           of a growing list, from its 1,000th item on (incarnation/list.ts)
//   t00lr3k2f0a-9f3c...     added at that time, by the clock of the store, in base 36
//   t00lr3k2f0a-9f3c...u    of items with names (items/unique-ids.ts)
//   h007_...                priority 7
//   ..._dlr3k2f0a           not to be leased before that time
//
// Sorted by name, pages of one priority are in the order in which they were made.

import { MAX_PRIORITY, MAX_TIME_MS } from '../../util/bounds'

const PRIORITY = /^h(\d{3})_/
const DELAY = /_d([0-9a-z]{1,11})$/
const TIME_DIGITS = 10

/** What is true of all items of a page. */
export interface PageTraits {
  /** Higher first. */
  readonly priority: number
  /** By the clock of the store, in milliseconds; not before that. */
  readonly until?: number | undefined
}

export function pageTraits(name: string): PageTraits {
  const priority = Math.min(MAX_PRIORITY, Number(PRIORITY.exec(name)?.[1] ?? 0))
  const delay = DELAY.exec(name)?.[1]
  const until = delay === undefined ? undefined : Math.min(MAX_TIME_MS, Number.parseInt(delay, 36))
  return { priority, until }
}

/** The name of a page that sorts like `base` among those of its priority. */
export function pageName(base: string, { priority, until }: PageTraits): string {
  const head = priority === 0 ? '' : `h${String(priority).padStart(3, '0')}_`
  const tail = until === undefined ? '' : `_d${Math.ceil(until).toString(36)}`
  return `${head}${base}${tail}`
}

/** The base of pages that are added at that time. */
export function timedBase(now: number, random: string, { named = false } = {}): string {
  return `t${Math.floor(now).toString(36).padStart(TIME_DIGITS, '0')}-${random}${named ? 'u' : ''}`
}

const TIMED = /^(?:h\d{3}_)?t[0-9a-z]+-[0-9a-f]+(u?)/

/** Whether items may have been added to such a page after it was made. */
export function mayGrow(name: string): boolean {
  return TIMED.exec(name)?.[1] === ''
}

/** Whether its items have names, so that each is added once. */
export function hasNames(name: string): boolean {
  return TIMED.exec(name)?.[1] === 'u'
}

/** Higher priorities first, then the older ones. */
export function comparePages(a: string, b: string): number {
  return pageTraits(b).priority - pageTraits(a).priority || (a < b ? -1 : a > b ? 1 : 0)
}
