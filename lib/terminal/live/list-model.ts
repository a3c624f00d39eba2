// What the viewer of a live list has done with the keys: an order, a filter, a row chosen, a page opened.
// Pure functions from one state to the next; nothing here knows a terminal, a board or a queue.

import { isText } from '../keys'

export interface ListModel {
  /** The list; the list while a filter is being typed; one row in full; where it hangs; the keys explained. */
  readonly page: 'list' | 'filter' | 'details' | 'why' | 'help'
  readonly sort: string
  readonly isReversed: boolean
  /** Words that a row must have, or with `!` must not have; see `matches`. */
  readonly filter: string
  /** What Esc brings back while a filter is being typed. */
  readonly filterBefore: string
  /** The key of the row that is chosen. */
  readonly chosen: string | undefined
  /** Where it is in the list, so that its neighbour is chosen when it goes. */
  readonly position: number
  /** How many lines of details or help have been scrolled away. */
  readonly scroll: number
  readonly isPaused: boolean
  readonly hidesEnded: boolean
  readonly intervalMs: number
  readonly isOver: boolean
}

/** What the list is when a key comes. */
export interface ListFacts {
  sortKeys: readonly string[]
  /** The keys of the rows as they are shown, filtered and in order. */
  rows: readonly string[]
  /** How many lines a page down goes. */
  pageRows: number
  /** Whether the source can say where a row hangs. */
  canAskWhy?: boolean
  /** The key of the row that has hung for longest, if any does. */
  hangsLongest?: string | undefined
}

export const INTERVALS_MS = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000] as const

export function newListModel(start: {
  sort: string
  isReversed?: boolean
  filter?: string
  intervalMs: number
}): ListModel {
  const { sort, isReversed = false, filter = '', intervalMs } = start
  return {
    page: 'list',
    sort,
    isReversed,
    filter,
    filterBefore: filter,
    chosen: undefined,
    position: -1,
    scroll: 0,
    isPaused: false,
    hidesEnded: false,
    intervalMs,
    isOver: false,
  }
}

/** The state after a key. */
export function press(model: ListModel, key: string, facts: ListFacts): ListModel {
  if (model.page === 'filter') return typeFilter(model, key, facts)
  if (model.page === 'list') return pressInList(model, key, facts)
  return pressInPage(model, key, facts)
}

/** The state after the list has changed under it: a chosen row that has gone leaves the choice to a neighbour. */
export function settle(model: ListModel, rows: readonly string[]): ListModel {
  if (model.chosen === undefined || model.page === 'details' || model.page === 'why') return model
  const position = rows.indexOf(model.chosen)
  return choose(model, position >= 0 ? position : model.position, rows)
}

/**
 * Whether a text has all words of a filter, in any order, and none of those that begin with `!`. Upper and lower
 * case are the same.
 */
export function matches(text: string, filter: string): boolean {
  const lower = text.toLowerCase()
  return filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '' && word !== '!')
    .every((word) => (word.startsWith('!') ? !lower.includes(word.slice(1)) : lower.includes(word)))
}

/** The first row to show of `count`, where `room` have room, so that the chosen one is among them and as little as possible moves. */
export function firstRow(before: number, position: number, room: number, count: number): number {
  const last = Math.max(0, count - room)
  const first = Math.min(Math.max(0, before), last)
  if (position < 0) return first
  if (position < first) return position
  return position >= first + room ? Math.min(last, position - room + 1) : first
}

function pressInList(model: ListModel, key: string, facts: ListFacts): ListModel {
  const moved = moveTo(model, key, facts)
  if (moved !== undefined) return choose(model, moved, facts.rows)
  switch (key) {
    case 'q':
    case 'Q':
      return { ...model, isOver: true }
    case 'enter':
    case 'right': {
      const chosen = model.chosen === undefined ? choose(model, 0, facts.rows) : model
      return chosen.chosen === undefined ? model : { ...chosen, page: 'details', scroll: 0 }
    }
    case 'w': {
      if (!facts.canAskWhy) return model
      const first = Math.max(0, facts.rows.indexOf(facts.hangsLongest ?? ''))
      const chosen = model.chosen === undefined ? choose(model, first, facts.rows) : model
      return chosen.chosen === undefined ? model : { ...chosen, page: 'why', scroll: 0 }
    }
    case '/':
      return { ...model, page: 'filter', filterBefore: model.filter }
    case 'escape':
      // First what is chosen, then the filter: each press takes one thing back.
      if (model.chosen !== undefined) return choose(model, -1, facts.rows)
      return { ...model, filter: '' }
    case 'd':
      return { ...model, hidesEnded: !model.hidesEnded }
    default:
      return pressAnywhere(sortBy(model, key, facts.sortKeys), key)
  }
}

function pressInPage(model: ListModel, key: string, { pageRows, canAskWhy }: ListFacts): ListModel {
  const scroll = (by: number) => ({ ...model, scroll: Math.max(0, model.scroll + by) })
  switch (key) {
    case 'escape':
    case 'enter':
    case 'left':
    case 'backspace':
    case 'q':
      return { ...model, page: 'list', scroll: 0 }
    case 'w':
      return model.page === 'details' && canAskWhy ? { ...model, page: 'why', scroll: 0 } : model
    case '?':
    case 'h':
      return { ...model, page: model.page === 'help' ? 'list' : 'help', scroll: 0 }
    case 'up':
    case 'k':
      return scroll(-1)
    case 'down':
    case 'j':
      return scroll(1)
    case 'pageup':
      return scroll(-pageRows)
    case 'pagedown':
      return scroll(pageRows)
    case 'home':
    case 'g':
      return { ...model, scroll: 0 }
    default:
      return pressAnywhere(model, key)
  }
}

function pressAnywhere(model: ListModel, key: string): ListModel {
  switch (key) {
    case '?':
    case 'h':
      return { ...model, page: 'help', scroll: 0 }
    case 'p':
    case ' ':
      return { ...model, isPaused: !model.isPaused }
    case '+':
      return { ...model, intervalMs: INTERVALS_MS.find((ms) => ms > model.intervalMs) ?? model.intervalMs }
    case '-':
      return {
        ...model,
        intervalMs: INTERVALS_MS.findLast((ms) => ms < model.intervalMs) ?? model.intervalMs,
      }
    default:
      return model
  }
}

function sortBy(model: ListModel, key: string, sortKeys: readonly string[]): ListModel {
  const at = sortKeys.indexOf(model.sort)
  const turn = (by: number) => sortKeys[(at + by + sortKeys.length) % sortKeys.length]!
  if (key === 's') return { ...model, sort: turn(1) }
  if (key === 'S') return { ...model, sort: turn(-1) }
  if (key === 'r') return { ...model, isReversed: !model.isReversed }
  const byNumber = /^[1-9]$/.test(key) ? sortKeys[Number(key) - 1] : undefined
  if (byNumber === undefined) return model
  // The same number again turns it round.
  return { ...model, sort: byNumber, isReversed: byNumber === model.sort && !model.isReversed }
}

function typeFilter(model: ListModel, key: string, facts: ListFacts): ListModel {
  if (key === 'enter') return { ...model, page: 'list' }
  if (key === 'escape') return { ...model, page: 'list', filter: model.filterBefore }
  if (key === 'ctrl-u') return { ...model, filter: '' }
  if (key === 'ctrl-w') return { ...model, filter: model.filter.replace(/\S*\s*$/, '') }
  if (key === 'backspace') {
    if (model.filter === '') return { ...model, page: 'list' }
    return { ...model, filter: [...model.filter].slice(0, -1).join('') }
  }
  if (isText(key)) return { ...model, filter: model.filter + key }
  const moved = key === 'home' || key === 'end' ? undefined : moveTo(model, key, facts)
  return moved === undefined ? model : choose(model, moved, facts.rows)
}

const LIKE_VI: Readonly<Record<string, string>> = { j: 'down', k: 'up', g: 'home', G: 'end' }

/** Where in the list a key leads; undefined where it is none that moves. */
function moveTo(model: ListModel, key: string, { rows, pageRows }: ListFacts): number | undefined {
  const from = model.chosen === undefined ? -1 : rows.indexOf(model.chosen)
  switch (model.page === 'list' ? (LIKE_VI[key] ?? key) : key) {
    case 'up':
      return from < 0 ? rows.length - 1 : Math.max(0, from - 1)
    case 'down':
      return from + 1
    case 'pageup':
      return Math.max(0, from - pageRows)
    case 'pagedown':
      return from + pageRows
    case 'home':
      return 0
    case 'end':
      return rows.length - 1
    default:
      return undefined
  }
}

function choose(model: ListModel, position: number, rows: readonly string[]): ListModel {
  const at = Math.min(position, rows.length - 1)
  return { ...model, chosen: rows[at], position: at < 0 ? -1 : at }
}
