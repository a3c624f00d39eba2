// What a worker is shown as: living, dead, or in trouble. The one place that says when; every face asks here.

import { isPatient } from '../http/request-status'
import type { WorkerEntry } from '../scoreboard/types'

/** `blocked`: its event loop stands still. `stale`: it has no heart to tell by, and has been silent for too long. */
export type ShownState = 'live' | 'blocked' | 'stale' | 'dead'

/** So many beats may be missed before a worker counts as blocked. */
export const MISSED_BEATS = 3

/** What a worker is judged by. */
export interface StateFacts {
  isDead: boolean
  /** As isPatient() says: its silence means nothing. */
  isPatient: boolean
  /** Since its last update, or since its claim when there was none. */
  silentMs: number
  /** Undefined: it has no heart. */
  heartbeatAgeMs: number | undefined
  heartbeatMs: number | undefined
}

export function factsOf(worker: WorkerEntry, takenAt: number): StateFacts {
  const { heartbeatAgeMs, heartbeatMs } = worker
  return {
    isDead: worker.state === 'dead',
    isPatient: isPatient(worker.status),
    silentMs: Math.max(0, worker.ageMs ?? takenAt - worker.startedAt),
    heartbeatAgeMs,
    heartbeatMs,
  }
}

/** Silence is a guess, for those without a heart only. */
export function stateOf(facts: StateFacts, staleMs = Infinity): ShownState {
  if (facts.isDead) return 'dead'
  if (facts.heartbeatAgeMs !== undefined) return blockedMs(facts) === undefined ? 'live' : 'blocked'
  return facts.silentMs > staleMs && !facts.isPatient ? 'stale' : 'live'
}

/** For how long its event loop has stood still; undefined: it turns, or nobody can know. */
export function blockedMs({ isDead, heartbeatAgeMs, heartbeatMs = 1000 }: StateFacts): number | undefined {
  if (isDead || heartbeatAgeMs === undefined) return undefined
  return heartbeatAgeMs > MISSED_BEATS * heartbeatMs ? heartbeatAgeMs : undefined
}

export function shownState(worker: WorkerEntry, takenAt: number, staleMs = Infinity): ShownState {
  return stateOf(factsOf(worker, takenAt), staleMs)
}
