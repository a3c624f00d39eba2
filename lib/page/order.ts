// The order and the choice of workers on the page, as its address says: `?sort=-age&filter=web&state=busy`.
// assets/status-page.js does the same in the browser.

import { byNumberedName } from '../view/text'
import { COLUMNS, type Column, searchedText, sortValue } from './columns'
import { kindOf, type WorkerView } from './worker-view'

export const STATES = ['all', 'busy', 'idle', 'blocked', 'stale', 'dead'] as const

export interface Choice {
  sort: Column['key']
  /** The other way round than the column's own. */
  isReversed: boolean
  /** Lower case; parts of the worker's texts. */
  filter: string
  state: (typeof STATES)[number]
}

const MAX_FILTER_LENGTH = 200

/** What the address asks for; what nobody knows is left at its default. */
export function readChoice(query: URLSearchParams): Choice {
  // A heading's button sends its own, after the one that the form keeps.
  const sort = query.getAll('sort').at(-1) ?? ''
  const name = sort.replace(/^-/, '')
  const key = COLUMNS.find((column) => column.key === name)?.key
  const state = STATES.find((one) => one === query.get('state'))
  return {
    sort: key ?? 'slot',
    isReversed: key !== undefined && sort.startsWith('-'),
    filter: (query.get('filter') ?? '').slice(0, MAX_FILTER_LENGTH).trim().toLowerCase(),
    state: state ?? 'all',
  }
}

/** Those that were asked for, in the order that was asked for; equal ones by slot. */
export function choose(workers: WorkerView[], choice: Choice, staleMs: number): WorkerView[] {
  const column = COLUMNS.find(({ key }) => key === choice.sort)!
  const kind = (worker: WorkerView) => kindOf(worker, worker.ageMs, staleMs)
  const compare = (a: WorkerView, b: WorkerView) => {
    const [x, y] = [a, b].map((worker) => sortValue(column, worker, kind(worker)))
    const order = typeof x === 'number' ? x - (y as number) : byNumberedName(x!, y as string)
    return (column.isNumber ? -order : order) || a.slot - b.slot
  }
  const words = choice.filter.split(/\s+/)
  const chosen = workers.filter((worker) => {
    const itsKind = kind(worker)
    if (choice.state !== 'all' && choice.state !== itsKind) return false
    const text = searchedText(worker, itsKind)
    return words.every((word) => text.includes(word))
  })
  chosen.sort(compare)
  return choice.isReversed ? chosen.reverse() : chosen
}
