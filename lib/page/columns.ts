// The columns of the page's table, in their order: the one place that says which there are, how a value reads,
// and whether the filter looks at it. The page's script takes all of it from the headings, which this makes.

import { bytesText, countText } from '../view/numbers'
import { ageText } from '../view/text'
import { type Kind, type WorkerView, wordOf } from './worker-view'

/** How a value reads. The script has a function of the same name for each. */
export type Format = 'word' | 'text' | 'age' | 'count' | 'bytes' | 'percent'

export interface Column {
  /** A field of `WorkerView`, or `state` or `age`; names the style `c-<key>`, and the order in the address. */
  readonly key: keyof WorkerView | 'state' | 'age'
  readonly title: string
  readonly format: Format
  /** The largest first, where others have the first. */
  readonly isNumber?: boolean
  readonly isSearched?: boolean
}

export const COLUMNS: readonly Column[] = [
  { key: 'state', title: 'State', format: 'word', isSearched: true },
  { key: 'id', title: 'Worker', format: 'text', isSearched: true },
  { key: 'pid', title: 'PID', format: 'text', isSearched: true },
  { key: 'slot', title: 'Slot', format: 'text' },
  { key: 'age', title: 'Silent for', format: 'age', isNumber: true },
  { key: 'updates', title: 'Updates', format: 'count', isNumber: true },
  { key: 'cpu', title: 'CPU', format: 'percent', isNumber: true },
  { key: 'memory', title: 'Memory', format: 'bytes', isNumber: true },
  { key: 'requests', title: 'Requests', format: 'count', isNumber: true },
  { key: 'bytes', title: 'Sent', format: 'bytes', isNumber: true },
  { key: 'client', title: 'Client', format: 'text', isSearched: true },
  { key: 'doing', title: 'Doing', format: 'text', isSearched: true },
]

const RANK: Record<Kind, number> = { dead: 0, blocked: 1, stale: 2, busy: 3, idle: 4 }

const TEXTS: Record<Exclude<Format, 'word'>, (value: never) => string> = {
  text: String,
  age: ageText,
  count: countText,
  bytes: bytesText,
  percent: (value: number) => `${value.toFixed(1)} %`,
}

function rawValue({ key }: Column, view: WorkerView): unknown {
  if (key === 'state') return undefined
  return key === 'age' ? view.ageMs : view[key]
}

/** What the cell says; nothing where the worker has no such value. */
export function cellText(column: Column, view: WorkerView, kind: Kind): string {
  if (column.format === 'word') return wordOf(view, kind)
  const value = rawValue(column, view)
  return value === undefined ? '' : TEXTS[column.format](value as never)
}

/** What a worker is sorted by. */
export function sortValue(column: Column, view: WorkerView, kind: Kind): string | number {
  if (column.format === 'word') return RANK[kind]
  return (rawValue(column, view) as string | number | undefined) ?? (column.isNumber ? -1 : '')
}

/** What a filter is matched with. */
export function searchedText(view: WorkerView, kind: Kind): string {
  const searched = COLUMNS.filter(({ isSearched }) => isSearched)
  return searched
    .map((column) => cellText(column, view, kind))
    .join(' ')
    .toLowerCase()
}
