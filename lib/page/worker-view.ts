// A worker as the page shows it: short texts that a terminal or a page would not obey and the numbers to sort by. What a worker publishes
// may be megabytes of anything; past this file it is one line that does nothing but show. Pure functions.

import { isBusy, isRequestStatus, type RequestStatus, STATE_LETTERS } from '../http/request-status'
import type { Status, WorkerEntry } from '../scoreboard/types'
import { ownerKey } from '../view/rates'
import { ageText, cut, escapeControls, statusText } from '../view/text'
import { blockedForMs, mayBeSilent } from '../view/worker-state'

/** What counts for a worker first: that it is dead, that it hangs, that it is silent, then what it does. */
export type Kind = 'dead' | 'blocked' | 'stale' | 'busy' | 'idle'

export interface WorkerView {
  /** Slot and epoch: names this owner of the slot for ever. */
  key: string
  slot: number
  id: string
  pid: number
  isDead: boolean
  /** Whether it has something to do, as far as its status tells. */
  isBusy: boolean
  /** For how long its event loop has not turned, in milliseconds; left out: it turns, as far as anybody knows. */
  blockedMs?: number
  /** As mayBeSilent() says: its silence means nothing. */
  isPatient: boolean
  /** Its letter in the scoreboard of Apache's mod_status. */
  letter: string
  /** `working`, `keep-alive`, `live`: one word for its state while it lives. */
  word: string
  /** Since its last update, or since its claim when there was none, in milliseconds. */
  ageMs: number
  updates: number
  /** What it costs, as of the newest second; left out where nobody can say. */
  cpu?: number
  memory?: number
  /** Of a worker that serves requests only. */
  requests?: number
  bytes?: number
  client?: string
  /** What it does, on one line. */
  doing: string
  /** Whether `doing` says why the status cannot be shown. */
  isError?: boolean
}

const DOING_COLUMNS = 240
const ID_COLUMNS = 64
const CLIENT_COLUMNS = 64
/** What workers without work say. */
const IDLE_WORDS = /^\W*(idle|waiting|sleeping|ready)\b/i

/**
 * @param at when the entry was read, in milliseconds since the Unix epoch
 * @param blockedAfterMs as blockedForMs() takes it
 */
export function viewWorker(worker: WorkerEntry, at: number, blockedAfterMs?: number): WorkerView {
  const { status, error } = worker
  const request = isRequestStatus(status) ? status : undefined
  const busy = request ? isBusy(request.state) : status !== undefined && !IDLE_WORDS.test(stateText(status))
  const view: WorkerView = {
    key: ownerKey(worker),
    slot: worker.slot,
    id: cut(escapeControls(worker.id), ID_COLUMNS),
    pid: worker.pid,
    isDead: worker.state === 'dead',
    isBusy: busy,
    isPatient: mayBeSilent(worker),
    letter: request ? STATE_LETTERS[request.state] : letterOf(worker, busy),
    word: request?.state ?? (status === undefined && !error ? 'starting' : 'live'),
    ageMs: Math.max(0, worker.ageMs ?? at - worker.startedAt),
    updates: worker.updates,
    doing: request ? requestText(request) : statusText(status, DOING_COLUMNS),
  }
  const blockedMs = blockedForMs(worker, blockedAfterMs)
  if (blockedMs !== undefined) view.blockedMs = blockedMs
  if (error) {
    view.doing = statusText(`${error.code}: ${error.message}`, DOING_COLUMNS)
    view.isError = true
  }
  if (!request) return view
  const client = typeof request.remoteAddress === 'string' ? escapeControls(request.remoteAddress) : ''
  return { ...view, requests: request.requests, bytes: request.bytes, client: cut(client, CLIENT_COLUMNS) }
}

/** What counts for a worker when it has been silent for `ageMs`. */
export function kindOf(view: WorkerView, ageMs: number, staleMs: number): Kind {
  if (view.isDead) return 'dead'
  if (view.blockedMs !== undefined) return 'blocked'
  if (ageMs > staleMs && !view.isPatient) return 'stale'
  return view.isBusy ? 'busy' : 'idle'
}

/** The words in its row: that it is dead, blocked or stale, otherwise what it does. */
export function wordOf(view: WorkerView, kind: Kind): string {
  if (kind === 'blocked') return `blocked ${ageText(view.blockedMs)}`
  return kind === 'dead' || kind === 'stale' ? kind : view.word
}

/** The one character in the grid. Dead, blocked and stale are plain without a colour too. */
export function markOf(view: WorkerView, kind: Kind): string {
  if (kind === 'dead') return 'x'
  if (kind === 'blocked') return '#'
  return kind === 'stale' ? '!' : view.letter
}

function letterOf(worker: WorkerEntry, busy: boolean): string {
  if (worker.status === undefined && !worker.error) return 'S'
  return busy || worker.error ? 'W' : '_'
}

function stateText(status: Status): string {
  if (typeof status === 'string') return status.slice(0, 64)
  const isRecord = typeof status === 'object' && status !== null && 'state' in status
  const state = isRecord ? (status as { state: unknown }).state : undefined
  return typeof state === 'string' ? state.slice(0, 64) : ''
}

// Every field comes from another process, which may publish what it likes.
function requestText(status: RequestStatus): string {
  const text = (value: unknown) => (typeof value === 'string' ? value.slice(0, 2048) : '')
  const target = text(status.host) + text(status.path)
  const parts = [text(status.method), target, text(status.protocol)].filter((part) => part !== '')
  const more = status.inFlight > 1 ? ` (${status.inFlight} in flight)` : ''
  return cut(escapeControls(parts.join(' ')), DOING_COLUMNS - more.length) + more
}
