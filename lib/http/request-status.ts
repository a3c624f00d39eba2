// What a worker that serves requests publishes: the shape that instrument() writes and that pages,
// terminals and metrics read.

import type { Status } from '../scoreboard/types'
import { isAmount, MAX_TIME_MS } from '../util/bounds'

/**
 * - `waiting`: nothing to do, and no client is connected
 * - `keep-alive`: nothing to do, clients that have asked before are still connected
 * - `reading`: the newest request has begun, its body is not all here
 * - `working`: the newest request is here, its answer has not begun
 * - `writing`: its answer has begun and is not all written
 */
export type RequestState = 'waiting' | 'reading' | 'working' | 'writing' | 'keep-alive'

/** One request among those in flight. */
export type RequestInFlight = {
  method: string
  path: string
  /** When it began, in milliseconds since the Unix epoch. */
  since: number
}

/**
 * What one worker does now. A worker serves many requests at once: `state` and the request are those of the
 * newest one in flight, because that is the one whose code runs when the worker hangs; `inFlight` says
 * how many there are, and `oldest` is the one that takes longest. While nothing is in flight, the
 * request is the last one that was.
 */
export type RequestStatus = {
  state: RequestState
  /** When this state began, in milliseconds since the Unix epoch. */
  since: number
  /** When the request at hand began, by the same clock; left out where that is `since`, and while nothing is in flight. */
  began?: number
  /** Left out, as all of the request, until there was one. */
  method?: string
  /** The host that the client asked for; left out when it named none. */
  host?: string
  path?: string
  remoteAddress?: string
  /** `HTTP/1.1`, `HTTP/2.0`. */
  protocol?: string
  /** How many requests have begun and not ended. */
  inFlight: number
  /** Left out unless it is another one than the newest. */
  oldest?: RequestInFlight
  /** How many requests this worker has served: answered, or given up by their clients. */
  requests: number
  /** How many bytes it has written to its clients, heads included; up to a tenth of a second late. */
  bytes: number
}

/** The states, each with its letter in the scoreboard of Apache's mod_status, which knows no `working`. */
export const STATE_LETTERS: Readonly<Record<RequestState, string>> = {
  waiting: '_',
  'keep-alive': 'K',
  reading: 'R',
  working: 'W',
  writing: 'W',
}

/** Whether a status is one of these; workers may publish what they like. */
export function isRequestStatus(status: Status | undefined): status is RequestStatus {
  if (typeof status !== 'object' || status === null || !('state' in status)) return false
  const { state, since, began, inFlight, requests, bytes, ...texts } = status as Record<string, unknown>
  return (
    typeof state === 'string' &&
    Object.hasOwn(STATE_LETTERS, state) &&
    isAmount(since, MAX_TIME_MS) &&
    (began === undefined || isAmount(began, MAX_TIME_MS)) &&
    [inFlight, requests, bytes].every((number) => isAmount(number)) &&
    TEXTS.every((name) => texts[name] === undefined || typeof texts[name] === 'string')
  )
}

const TEXTS = ['method', 'host', 'path', 'remoteAddress', 'protocol']

/** Whether a worker in this state has something to do. */
export function isBusy(state: RequestState): boolean {
  return state !== 'waiting' && state !== 'keep-alive'
}

/** When the request at hand began, and the oldest in flight; undefined while nothing is. Others may publish what they like. */
export function requestTimes(status: RequestStatus): { beganAt: number; oldestAt: number } | undefined {
  if (!isBusy(status.state)) return undefined
  const beganAt = status.began ?? status.since
  const oldestAt: unknown = status.oldest?.since
  return { beganAt, oldestAt: isAmount(oldestAt, MAX_TIME_MS) ? oldestAt : beganAt }
}

/** Whether silence is its nature: a server that waits for requests has nothing to say. */
export function isPatient(status: Status | undefined): boolean {
  return isRequestStatus(status) && !isBusy(status.state)
}
