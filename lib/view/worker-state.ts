// What a worker is shown as, the one definition for all faces: living, blocked, silent for too long, or dead.

import { isPatient } from '../http/request-status'
import { MISSED_BEATS } from '../scoreboard/hearts'
import type { WorkerEntry } from '../scoreboard/types'

export type ShownState = WorkerEntry['state'] | 'stale' | 'blocked'

/**
 * For how long a living worker's event loop has not turned, in milliseconds; undefined where it turns, or nobody knows.
 *
 * @param blockedAfterMs how old a heart may be, in milliseconds @default three of the worker's heartbeats
 */
export function blockedForMs(
  worker: Pick<WorkerEntry, 'state' | 'heartbeatAgeMs' | 'heartbeatMs'>,
  blockedAfterMs?: number,
): number | undefined {
  const { heartbeatAgeMs, heartbeatMs } = worker
  if (worker.state === 'dead' || heartbeatAgeMs === undefined || heartbeatMs === undefined) return undefined
  return heartbeatAgeMs > (blockedAfterMs ?? MISSED_BEATS * heartbeatMs) ? heartbeatAgeMs : undefined
}

/** Whether silence says nothing of it: its heart says more, or it serves requests and waits for one. */
export function mayBeSilent(worker: Pick<WorkerEntry, 'heartbeatMs' | 'status'>): boolean {
  return worker.heartbeatMs !== undefined || isPatient(worker.status)
}

/** When a living worker counts as in trouble. */
export interface StateLimits {
  /** One without a heart that has been silent for longer counts as stale, in milliseconds. @default Infinity */
  staleMs?: number | undefined
  /** How old a heart may be, in milliseconds. @default three beats */
  blockedMs?: number | undefined
}

/** What a worker is judged by. */
export interface StateFacts {
  isDead: boolean
  mayBeSilent: boolean
  /** Since its last update, or since its claim when there was none. */
  silentMs: number
  /** As blockedForMs() says. */
  blockedMs: number | undefined
}

export function factsOf(worker: WorkerEntry, takenAt: number, limits: StateLimits = {}): StateFacts {
  return {
    isDead: worker.state === 'dead',
    mayBeSilent: mayBeSilent(worker),
    silentMs: Math.max(0, worker.ageMs ?? takenAt - worker.startedAt),
    blockedMs: blockedForMs(worker, limits.blockedMs),
  }
}

/**
 * Dead by the kernel's word; blocked by its heart's; without a heart, stale where it was silent for longer than
 * `staleMs` and that says something; or live.
 */
export function stateOf(facts: StateFacts, { staleMs = Infinity }: StateLimits): ShownState {
  if (facts.isDead) return 'dead'
  if (facts.blockedMs !== undefined) return 'blocked'
  return facts.silentMs > staleMs && !facts.mayBeSilent ? 'stale' : 'live'
}

export function shownState(worker: WorkerEntry, takenAt: number, limits: StateLimits = {}): ShownState {
  return stateOf(factsOf(worker, takenAt, limits), limits)
}
