// Where each item of a page is, in ranges: for those who only look.

import type { PageState, Waiting } from './page-state'
import * as ranges from './ranges'

export type Place = 'ready' | 'delayed' | 'leased' | 'done' | 'dead'

export interface PlacedRange {
  readonly from: number
  readonly to: number
  readonly place: Place
  /** Attempts that have failed; not known of items that are done or dead. */
  readonly attempts?: number
  /** The timer that holds them. */
  readonly wid?: string
  /** When they are due, by the clock of the store. */
  readonly until?: number
}

/** All items of the page at that time, by the clock of the store; in order. */
export function places(state: PageState, now: number): PlacedRange[] {
  const found: PlacedRange[] = []
  const waiting = ({ from, to, attempts }: Waiting) => found.push({ from, to, place: 'ready', attempts })
  for (const { from, to, settled, wid, attempts } of state.claims) {
    for (const [start, end] of ranges.gaps(settled, from, to))
      found.push({ from: start, to: end, place: 'leased', attempts, wid })
  }
  state.retry.forEach(waiting)
  state.suspects.forEach(waiting)
  for (const { until, ...entry } of state.delayed) {
    if (until <= now) waiting(entry)
    else found.push({ ...entry, place: 'delayed', until })
  }
  for (const [from, to] of state.dead) found.push({ from, to, place: 'dead' })
  if (state.cursor < state.size)
    found.push({ from: state.cursor, to: state.size, place: 'ready', attempts: 0 })
  found.sort((a, b) => a.from - b.from)
  return withDone(found, state.cursor)
}

/** What was leased once and is nowhere is done. */
function withDone(found: readonly PlacedRange[], cursor: number): PlacedRange[] {
  const all: PlacedRange[] = []
  let at = 0
  for (const range of found) {
    if (at < range.from) all.push({ from: at, to: range.from, place: 'done' })
    all.push(range)
    at = range.to
  }
  if (at < cursor) all.push({ from: at, to: cursor, place: 'done' })
  return all
}
