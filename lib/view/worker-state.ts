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

/**
 * Dead by the kernel's word; blocked by its heart's; without a heart, stale where it was silent for longer than
 * `staleMs` and that says something; or live.
 */
export function shownState(
  worker: WorkerEntry,
  takenAt: number,
  staleMs = Infinity,
  blockedMs?: number,
): ShownState {
  if (worker.state === 'dead') return 'dead'
  if (blockedForMs(worker, blockedMs) !== undefined) return 'blocked'
  const isSilent = (worker.ageMs ?? takenAt - worker.startedAt) > staleMs
  return isSilent && !mayBeSilent(worker) ? 'stale' : 'live'
}
