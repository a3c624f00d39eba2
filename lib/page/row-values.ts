// A worker as the page shows it: short texts that a terminal or a page would not obey and the numbers to sort by. What a worker publishes
// may be megabytes of anything; past this file it is one line that does nothing but show. Pure functions.

import { isRequestStatus, type RequestStatus, requestTimes } from '../http/request-status'
import type { Vitals, WorkerEntry } from '../scoreboard/types'
import { type Activity, activityOf, type Kind, kindOf, letterOf, wordOf } from '../view/activity'
import { requestText } from '../view/doing'
import { ownerKey } from '../view/rates'
import { cut, escapeControls, statusText } from '../view/text'
import { factsOf, type StateFacts, type StateLimits, stateOf } from '../view/worker-state'

export interface WorkerView {
  /** Slot and epoch: names this owner of the slot for ever. */
  key: string
  slot: number
  id: string
  pid: number
  kind: Kind
  /** `working`, `keep-alive`, `blocked`: one word for its state. */
  word: string
  /** Its letter in the scoreboard of Apache's mod_status. */
  letter: string
  /** Since its last update, or since its claim when there was none, in milliseconds. */
  ageMs: number
  /** For how long its event loop has stood still, in milliseconds. */
  blockedMs?: number
  /** Since the request at hand began, and the oldest in flight. In milliseconds. */
  runsMs?: number
  oldestMs?: number
  /** What it does is what it did last: it waits. */
  isLast?: boolean
  updates: number
  /** Of a worker that serves requests only. */
  requests?: number
  bytes?: number
  client?: string
  host?: string
  /** What it does, on one line. */
  doing: string
  /** Whether `doing` says why the status cannot be shown. */
  isError?: boolean
  /** What it costs: percent of one core, bytes. */
  cpu?: number
  memory?: number
  /** When it came to the board, in milliseconds since the Unix epoch. */
  startedAt: number
  /** How a dead worker ended, where somebody knew. */
  ending?: string
}

/** A view with what it was made from that changes by itself. */
export interface Seen {
  view: WorkerView
  facts: StateFacts
  activity: Activity
}

const DOING_COLUMNS = 240
const ID_COLUMNS = 128
const CLIENT_COLUMNS = 64

/** @param at when the entry was read, in milliseconds since the Unix epoch */
export function viewWorker(worker: WorkerEntry, at: number, limits: StateLimits): Seen {
  const { status, error, ending } = worker
  const facts = factsOf(worker, at, limits)
  const activity = activityOf(worker)
  const kind = kindOf(stateOf(facts, limits), activity)
  const view: WorkerView = {
    key: ownerKey(worker),
    slot: worker.slot,
    id: cut(escapeControls(worker.id), ID_COLUMNS),
    pid: worker.pid,
    kind,
    word: wordOf(kind, activity),
    letter: letterOf(kind, activity),
    ageMs: facts.silentMs,
    blockedMs: facts.blockedMs,
    updates: worker.updates,
    doing: error
      ? statusText(`${error.code}: ${error.message}`, DOING_COLUMNS)
      : statusText(status, DOING_COLUMNS),
    startedAt: worker.startedAt,
  }
  if (error) view.isError = true
  if (ending !== undefined) view.ending = ending
  if (worker.vitals) Object.assign(view, costOf(worker.vitals))
  return { view: isRequestStatus(status) ? { ...view, ...viewRequest(status, at) } : view, facts, activity }
}

export function costOf({ cpuPercent, rssBytes }: Vitals): Pick<WorkerView, 'cpu' | 'memory'> {
  return { cpu: cpuPercent, memory: rssBytes }
}

/** The same a while later: what it was judged by has become older. */
export function judgeAgain({ view, facts, activity }: Seen, limits: StateLimits): WorkerView {
  const kind = kindOf(stateOf(facts, limits), activity)
  return {
    ...view,
    kind,
    word: wordOf(kind, activity),
    letter: letterOf(kind, activity),
    ageMs: facts.silentMs,
    blockedMs: facts.blockedMs,
  }
}

// Every field comes from another process, which may publish what it likes.
function viewRequest(status: RequestStatus, at: number): Partial<WorkerView> {
  const { requests, bytes } = status
  const times = requestTimes(status)
  const short = (value: unknown, columns: number) =>
    typeof value === 'string' ? cut(escapeControls(value.slice(0, 2048)), columns) : ''
  const doing = requestText(status, DOING_COLUMNS)
  return {
    runsMs: times && Math.max(0, at - times.beganAt),
    oldestMs: times && Math.max(0, at - times.oldestAt),
    isLast: times === undefined && doing !== '' ? true : undefined,
    requests,
    bytes,
    client: short(status.remoteAddress, CLIENT_COLUMNS),
    host: short(status.host, CLIENT_COLUMNS),
    doing,
  }
}
