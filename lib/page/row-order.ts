// The order and the choice of workers on the page, as its address says: `?sort=-age&filter=web&state=busy`.
// assets/status-page.js does the same in the browser.

import { KINDS, type Kind } from '../view/activity'
import { byNumberedName } from '../view/text'
import { COLUMNS, type Column, searchedText, sortValue } from './columns'
import type { WorkerView } from './row-values'

export const STATES = ['all', ...KINDS] as const

/** Trouble first: whoever looks here looks for it. */
export const DEFAULT_SORT = 'state'

export interface Choice {
  sort: Column['key']
  /** The other way round than the column's own. */
  isReversed: boolean
  /** Lower case; parts of the worker's texts, those behind a `!` not in them. */
  filter: string
  state: 'all' | Kind
  /** The worker that is open, by its key. */
  worker: string | undefined
}

export const MAX_FILTER_LENGTH = 200
/** What columns were called in addresses before. */
const OLD_NAMES: Readonly<Record<string, string>> = { age: 'ageMs' }

/** What the address asks for; what nobody knows is left at its default. */
export function readChoice(query: URLSearchParams): Choice {
  // A heading's button sends its own, after the one that the form keeps.
  const sort = query.getAll('sort').at(-1) ?? ''
  const name = sort.replace(/^-/, '')
  const key = COLUMNS.find((column) => column.key === (OLD_NAMES[name] ?? name))?.key
  const state = STATES.find((one) => one === query.get('state'))
  return {
    sort: key ?? DEFAULT_SORT,
    isReversed: key !== undefined && sort.startsWith('-'),
    filter: (query.get('filter') ?? '').slice(0, MAX_FILTER_LENGTH).trim().toLowerCase(),
    state: state ?? 'all',
    worker: query.get('worker') ?? undefined,
  }
}

/** Those that were asked for, in the order that was asked for; equal ones by slot. */
export function choose(workers: WorkerView[], choice: Choice): WorkerView[] {
  const column = COLUMNS.find(({ key }) => key === choice.sort)!
  const compare = (a: WorkerView, b: WorkerView) => {
    const [x, y] = [a, b].map((worker) => sortValue(column, worker))
    const order = typeof x === 'number' ? x - (y as number) : byNumberedName(x!, y as string)
    return (column.isNumber ? -order : order) || a.slot - b.slot
  }
  const words = choice.filter.split(/\s+/)
  const chosen = workers.filter((worker) => {
    if (choice.state !== 'all' && choice.state !== worker.kind) return false
    const text = searchedText(worker)
    return words.every((word) => isMatch(text, word))
  })
  chosen.sort(compare)
  return choice.isReversed ? chosen.reverse() : chosen
}

/** As in `top`: `!word` leaves out those that have it. */
export function isMatch(text: string, word: string): boolean {
  return word.startsWith('!') && word.length > 1 ? !text.includes(word.slice(1)) : text.includes(word)
}
