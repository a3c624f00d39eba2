// A row of a part as a worker that a viewer sees.

import type { Row } from './part'
import type { FleetWorker } from './types'

export interface WorkerPlace {
  readonly machine: string
  readonly machineId: string
  readonly board: string
}

/** @param sinceMs how long ago the row was written */
export function workerOf(row: Row, { machine, machineId, board }: WorkerPlace, sinceMs: number): FleetWorker {
  const worker: FleetWorker = {
    id: row.id,
    pid: row.pid,
    threadId: row.threadId,
    slot: row.slot,
    epoch: row.epoch,
    state: row.isLive ? 'live' : 'dead',
    status: row.status,
    updates: row.updates,
    startedAt: row.startedAt,
    updatedAt: row.updatedAt,
    ageMs: row.ageMs === undefined ? undefined : row.ageMs + sinceMs,
    heartbeatAgeMs: heartbeatAgeMs(row, sinceMs),
    heartbeatMs: row.heartbeatMs,
    processStart: row.processStart,
    pidNamespace: row.pidNamespace,
    counters: row.counters,
    machine,
    machineId,
    board,
    statusCut: row.statusCut,
  }
  if (row.deadForMs !== undefined) worker.deadForMs = row.deadForMs + sinceMs
  if (row.ending !== undefined) worker.ending = row.ending
  if (row.error !== undefined) worker.error = row.error
  return worker
}

/** That a heart beats on is no news, so nobody writes it: while its agent does not say otherwise, it does. */
function heartbeatAgeMs(
  { heartbeatAgeMs, heartbeatMs, isBlocked }: Row,
  sinceMs: number,
): number | undefined {
  if (heartbeatAgeMs === undefined || heartbeatMs === undefined) return heartbeatAgeMs
  return isBlocked ? heartbeatAgeMs + sinceMs : Math.min(heartbeatAgeMs + sinceMs, heartbeatMs)
}
