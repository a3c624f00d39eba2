// The columns of the page's table, in their order: the one place that says which there are, how a value reads,
// and whether the filter looks at it. The page's script takes all of it from the headings, which this makes.

import { KINDS, type Kind } from '../view/activity'
import { bytesText, countText } from '../view/numbers'
import { ageText } from '../view/text'
import type { WorkerView } from './row-values'

/** How a value reads. The script has a function of the same name for each. */
export type Format = 'word' | 'text' | 'age' | 'count' | 'bytes' | 'percent'

export interface Column {
  /** A field of `WorkerView`, or `state`; names the style `c-<key>`, and the order in the address. */
  readonly key: keyof WorkerView | 'state'
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
  { key: 'oldestMs', title: 'Running', format: 'age', isNumber: true },
  { key: 'ageMs', title: 'Silent for', format: 'age', isNumber: true },
  { key: 'updates', title: 'Updates', format: 'count', isNumber: true },
  { key: 'cpu', title: 'CPU', format: 'percent', isNumber: true },
  { key: 'memory', title: 'Memory', format: 'bytes', isNumber: true },
  { key: 'requests', title: 'Requests', format: 'count', isNumber: true },
  { key: 'bytes', title: 'Sent', format: 'bytes', isNumber: true },
  { key: 'client', title: 'Client', format: 'text', isSearched: true },
  { key: 'host', title: 'Host', format: 'text', isSearched: true },
  { key: 'doing', title: 'Doing', format: 'text', isSearched: true },
]

const TEXTS: Record<Exclude<Format, 'word'>, (value: never) => string> = {
  text: String,
  age: ageText,
  count: countText,
  bytes: bytesText,
  percent: (value: number) => `${value.toFixed(1)} %`,
}

/** Trouble first, and of it the longest. */
export function rankOf(kind: Kind): number {
  return KINDS.indexOf(kind)
}

/** What the cell says; nothing where the worker has no such value. */
export function cellText({ key, format }: Column, view: WorkerView): string {
  if (key === 'state' || format === 'word') return view.word
  const value = view[key]
  return value === undefined ? '' : TEXTS[format](value as never)
}

/** What a worker is sorted by. */
export function sortValue({ key, isNumber }: Column, view: WorkerView): string | number {
  if (key === 'state') return rankOf(view.kind)
  return (view[key] as string | number | undefined) ?? (isNumber ? -1 : '')
}

/** What a filter is matched with. */
export function searchedText(view: WorkerView): string {
  const searched = COLUMNS.filter(({ isSearched }) => isSearched)
  return searched
    .map((column) => cellText(column, view))
    .join(' ')
    .toLowerCase()
}
