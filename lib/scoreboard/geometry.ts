// What a board was made with, and what its openers want: whether the two agree, and what to say where they do not.

import { dirname } from 'node:path'
import { CounterKind, type NativeBoard } from '../binding'
import { ScoreboardError } from '../util/errors'
import type { NamedKind, WantedGeometry } from './board-options'
import { SlotReader } from './slot-reader'

/** How many of those who are in the way a message names. */
const MOST_NAMED = 3

export function ownNames(board: NativeBoard): NamedKind[] {
  return board.names.filter(([, kind]) => kind !== CounterKind.shared)
}

export function sharedNames(board: NativeBoard): NamedKind[] {
  return board.names.filter(([, kind]) => kind === CounterKind.shared)
}

/**
 * Whether a board has less than is wanted of it, and nothing that would be lost with it: then a new one may take its
 * place while nobody lives on it. A release that knows a counter more is such a case; one that knows other
 * counters may be another program with the wrong directory.
 */
export function isOutgrown(board: NativeBoard, wanted: WantedGeometry): boolean {
  const pairs: [number | undefined, number][] = [
    [wanted.slots, board.slots],
    [wanted.inlineBytes, board.inlineBytes],
  ]
  const names: [NamedKind[] | undefined, NamedKind[]][] = [
    [wanted.counters, ownNames(board)],
    [wanted.sharedCounters, sharedNames(board)],
  ]
  const isFewer = pairs.some(([want, has]) => want !== undefined && want < has)
  const isMore = pairs.some(([want, has]) => want !== undefined && want > has)
  const hasOthers = names.some(([want, has]) => want !== undefined && !containsAll(want, has))
  const hasMore = names.some(([want, has]) => want !== undefined && want.length > has.length)
  return !isFewer && !hasOthers && (isMore || hasMore)
}

function containsAll(wanted: NamedKind[], has: NamedKind[]): boolean {
  return has.every(([name, kind]) => wanted.some((want) => want[0] === name && want[1] === kind))
}

export function checkGeometry(board: NativeBoard, boardPath: string, wanted: WantedGeometry): void {
  const compare = (what: string, asked: unknown, has: unknown) => {
    if (asked === undefined || asked === has) return
    throw new ScoreboardError(
      'ERR_GEOMETRY_MISMATCH',
      `Cannot open ${boardPath} with ${what} ${asked}: it was made with ${has}${inTheWay(board, boardPath)}; leave the option out to use the board as it is, or give it up with all that is on it: rollcall cleanup --reset ${dirname(boardPath)}`,
    )
  }
  compare('slots', wanted.slots, board.slots)
  compare('inlineBytes', wanted.inlineBytes, board.inlineBytes)
  compare('counters', wanted.counters && describeNames(wanted.counters), describeNames(ownNames(board)))
  const shared = wanted.sharedCounters && describeNames(wanted.sharedCounters)
  compare('sharedCounters', shared, describeNames(sharedNames(board)))
}

function describeNames(names: NamedKind[]): string {
  const kinds = names.map(([name, kind]) => {
    return `${name}${kind === CounterKind.gauge ? ' (gauge)' : kind === CounterKind.counter ? ' (counter)' : ''}`
  })
  return kinds.length === 0 ? 'none' : kinds.sort().join(', ')
}

/** The living by name, or that there are others; nothing where nobody is in the way. */
function inTheWay(board: NativeBoard, boardPath: string): string {
  const living = livingOn(board, dirname(boardPath))
  if (living.length === 0) return ''
  const named = living.slice(0, MOST_NAMED).join(', ')
  const more = living.length > MOST_NAMED ? ` and ${living.length - MOST_NAMED} more` : ''
  return `, and is in use by ${named}${more}`
}

/** `'web-1' (process 123)` for each living worker. */
export function livingOn(board: NativeBoard, directory: string): string[] {
  const reader = new SlotReader(board, directory, 1)
  const living: string[] = []
  for (let entry = 0, count = reader.scan(); entry < count; entry++) {
    const owner = reader.isLive(entry) ? reader.owner(entry) : undefined
    if (owner !== undefined) living.push(`'${owner.id}' (process ${owner.pid})`)
  }
  return living
}
