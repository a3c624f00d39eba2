// The order and the choice of workers on the page, as its address says: `?sort=-age&filter=web&state=busy`.
// assets/status-page.js does the same in the browser.

import { byNumberedName } from '../view/text'
import { type Kind, kindOf, type WorkerView, wordOf } from './worker-view'

/** The columns, in their order; numbers have the largest first. */
export const COLUMNS = [
  { key: 'state', title: 'State' },
  { key: 'id', title: 'Worker' },
  { key: 'pid', title: 'PID' },
  { key: 'slot', title: 'Slot' },
  { key: 'age', title: 'Silent for', isNumber: true },
  { key: 'updates', title: 'Updates', isNumber: true },
  { key: 'requests', title: 'Requests', isNumber: true },
  { key: 'bytes', title: 'Sent', isNumber: true },
  { key: 'client', title: 'Client' },
  { key: 'doing', title: 'Doing' },
] as const

export type ColumnKey = (typeof COLUMNS)[number]['key']

export const STATES = ['all', 'busy', 'idle', 'stale', 'dead'] as const

export interface Choice {
  sort: ColumnKey
  /** The other way round than the column's own. */
  isReversed: boolean
  /** Lower case; parts of the worker's texts. */
  filter: string
  state: (typeof STATES)[number]
}

const MAX_FILTER_LENGTH = 200
const RANK: Record<Kind, number> = { dead: 0, stale: 1, busy: 2, idle: 3 }

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
  const isNumber = 'isNumber' in column
  const kind = (worker: WorkerView) => kindOf(worker, worker.ageMs, staleMs)
  const sortValue = (worker: WorkerView): string | number => {
    if (choice.sort === 'state') return RANK[kind(worker)]
    if (choice.sort === 'age') return worker.ageMs
    return worker[choice.sort] ?? (isNumber ? -1 : '')
  }
  const compare = (a: WorkerView, b: WorkerView) => {
    const [x, y] = [sortValue(a), sortValue(b)]
    const order = typeof x === 'number' ? x - (y as number) : byNumberedName(x, y as string)
    return (isNumber ? -order : order) || a.slot - b.slot
  }
  const words = choice.filter.split(/\s+/)
  const chosen = workers.filter((worker) => {
    const itsKind = kind(worker)
    if (choice.state !== 'all' && choice.state !== itsKind) return false
    const text =
      `${wordOf(worker, itsKind)} ${worker.id} ${worker.pid} ${worker.client ?? ''} ${worker.doing}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
  chosen.sort(compare)
  return choice.isReversed ? chosen.reverse() : chosen
}
