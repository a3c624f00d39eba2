// Which pages others take from, as far as one handle has met them. While nobody is in its way it takes from the oldest
// page; from the first conflict on each handle has an order of its own, and a page of its own while there are enough.

import type { PageState } from '../page-state/page-state'

/** How long a page is left to those that were met on it, while there are others. They may be gone. */
const CROWDED_MS = 5000

export class Crowding {
  /** Whether another process was ever faster on a page. */
  isContended = false
  /** The page that was taken from last. */
  own: string | undefined
  /** Pages that others were met on, and until when they are left to those. */
  readonly #crowded = new Map<string, number>()

  /** Others were met on that page. */
  meet(page: string): void {
    this.#crowded.set(page, performance.now() + CROWDED_MS)
  }

  /** Whether that page is left to others for now. */
  isCrowded(page: string): boolean {
    const until = this.#crowded.get(page)
    return until !== undefined && performance.now() < until
  }

  /** Whether nobody must have begun a page for it to be taken from. One that was left to others long enough may be. */
  asksForUntouched(page: string): boolean {
    return this.isContended && page !== this.own && !this.#crowded.has(page)
  }

  /** Those pages, the own one first. */
  ownFirst(pages: readonly string[]): readonly string[] {
    const { own } = this
    if (!this.isContended || own === undefined || !pages.includes(own)) return pages
    return [own, ...pages.filter((page) => page !== own)]
  }

  /** Of the others no more need be known. */
  keepOnly(pages: ReadonlySet<string>): void {
    for (const page of this.#crowded.keys()) if (!pages.has(page)) this.#crowded.delete(page)
  }
}

/** Those with the fewest claims first, as far as that is known. */
export function leastShared(
  pages: readonly string[],
  stateOf: (page: string) => PageState | undefined,
): string[] {
  const claims = (page: string) => stateOf(page)?.claims.length ?? Number.MAX_SAFE_INTEGER
  return [...pages].sort((a, b) => claims(a) - claims(b))
}

export function shuffle<T>(list: T[]): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[list[i], list[j]] = [list[j]!, list[i]!]
  }
  return list
}
