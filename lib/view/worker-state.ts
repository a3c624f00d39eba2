// What a worker is shown as: living, dead, or silent for too long.

import { isPatient } from '../http/request-status'
import type { WorkerEntry } from '../scoreboard/types'

export type ShownState = WorkerEntry['state'] | 'stale'

/** Living, dead, or living and silent for longer than `staleMs` where silence says something. */
export function shownState(worker: WorkerEntry, takenAt: number, staleMs = Infinity): ShownState {
  if (worker.state === 'dead') return 'dead'
  const isSilent = (worker.ageMs ?? takenAt - worker.startedAt) > staleMs
  return isSilent && !isPatient(worker.status) ? 'stale' : 'live'
}
