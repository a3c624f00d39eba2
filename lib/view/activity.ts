// What a worker does, as far as its status tells: busy or idle, in one word, in one letter. Whether it is in trouble
// is another question, see worker-state.ts.

import { isBusy, isRequestStatus, STATE_LETTERS } from '../http/request-status'
import type { Status, WorkerEntry } from '../scoreboard/types'
import { type ShownState, type StateLimits, shownState } from './worker-state'

export interface Activity {
  /** Whether it has something to do. */
  isBusy: boolean
  /** Its letter in the scoreboard of Apache's mod_status. */
  letter: string
  /** `working`, `keep-alive`, `live`: one word. */
  word: string
}

/** What counts for a worker first: that it is dead, then that it hangs or is silent, then what it does. */
export type Kind = Exclude<ShownState, 'live'> | 'busy' | 'idle'

/** In the order in which they want to be looked at. */
export const KINDS: readonly Kind[] = ['blocked', 'stale', 'dead', 'busy', 'idle']

/** Those among them that somebody should look at. */
export const isTrouble = (kind: Kind): boolean => kind !== 'busy' && kind !== 'idle'

export type KindCounts = Record<Kind, number>

/** What workers without work say. */
const IDLE_WORDS = /^\W*(idle|waiting|sleeping|ready)\b/i

export function activityOf({ status, error }: WorkerEntry): Activity {
  if (isRequestStatus(status)) {
    return { isBusy: isBusy(status.state), letter: STATE_LETTERS[status.state], word: status.state }
  }
  if (status === undefined && !error) return { isBusy: false, letter: 'S', word: 'starting' }
  const busy = status !== undefined && !IDLE_WORDS.test(stateText(status))
  return { isBusy: busy, letter: busy || error ? 'W' : '_', word: 'live' }
}

export function kindOf(state: ShownState, activity: Activity): Kind {
  if (state !== 'live') return state
  return activity.isBusy ? 'busy' : 'idle'
}

/** What stands for those in trouble where people look: on the page's scoreboard (its script has the same), in lists. */
const MARKS: Partial<Record<Kind, string>> = { dead: 'x', stale: '!', blocked: 'B' }

export function markOf(kind: Kind, letter: string): string {
  return MARKS[kind] ?? letter
}

/** In the scoreboard of mod_status, which knows of no trouble. An event loop that stands still is at work, whatever its worker said last. */
export function letterOf(kind: Kind, activity: Activity): string {
  if (kind === 'dead') return '.'
  return kind === 'blocked' ? 'W' : activity.letter
}

/** By its letter, as scrapers count it. */
export function countsAsBusy(letter: string): boolean {
  return letter === 'R' || letter === 'W'
}

/** The one word in its row: that it is in trouble, otherwise what it does. */
export function wordOf(kind: Kind, activity: Activity): string {
  return isTrouble(kind) ? kind : activity.word
}

/** The same word as on the page, of a worker in a table. */
export function wordOfWorker(worker: WorkerEntry, takenAt: number, limits: StateLimits = {}): string {
  return wordOf(kindOfWorker(worker, takenAt, limits), activityOf(worker))
}

export function kindOfWorker(worker: WorkerEntry, takenAt: number, limits: StateLimits = {}): Kind {
  return kindOf(shownState(worker, takenAt, limits), activityOf(worker))
}

export function countKinds(kinds: Iterable<Kind>): KindCounts {
  const counts = { blocked: 0, stale: 0, dead: 0, busy: 0, idle: 0 }
  for (const kind of kinds) counts[kind] += 1
  return counts
}

export function livingOf({ busy, idle, stale, blocked }: KindCounts): number {
  return busy + idle + stale + blocked
}

/** `7 living, 2 busy, 4 idle, 1 blocked, 1 dead`, in the words of every face. */
export function countsText(counts: KindCounts): string {
  const kinds = (['busy', 'idle', 'stale', 'blocked', 'dead'] as const).filter((kind) => counts[kind] > 0)
  return [`${livingOf(counts)} living`, ...kinds.map((kind) => `${counts[kind]} ${kind}`)].join(', ')
}

function stateText(status: Status): string {
  if (typeof status === 'string') return status.slice(0, 64)
  const isRecord = typeof status === 'object' && status !== null && 'state' in status
  const state = isRecord ? (status as { state: unknown }).state : undefined
  return typeof state === 'string' ? state.slice(0, 64) : ''
}
