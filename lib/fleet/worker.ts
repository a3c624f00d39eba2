// A row of a part as a worker that a viewer sees.

import type { Row } from './part'
import type { FleetWorker } from './types'

export interface WorkerPlace {
  readonly machine: string
  readonly machineId: string
  readonly board: string
}

/** Of a worker's fields those that a machine does not tell. Any other one is carried: the compiler asks for it. */
type NotTold = 'vitals'
type WhereKnown = 'deadForMs' | 'ending' | 'error'
type Carried = FleetWorker & Record<Exclude<keyof FleetWorker, NotTold | WhereKnown>, unknown>

/** @param now by `performance.now()` */
export function workerOf(row: Row, { machine, machineId, board }: WorkerPlace, now: number): FleetWorker {
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
    ageMs: row.publishedAt === undefined ? undefined : Math.max(0, now - row.publishedAt),
    heartbeatAgeMs: heartbeatAgeMs(row, now),
    heartbeatMs: row.heartbeatMs,
    processStart: row.processStart,
    pidNamespace: row.pidNamespace,
    counters: row.counters,
    machine,
    machineId,
    board,
    statusCut: row.statusCut,
  } satisfies Carried
  if (row.diedAt !== undefined) worker.deadForMs = Math.max(0, now - row.diedAt)
  if (row.ending !== undefined) worker.ending = row.ending
  if (row.error !== undefined) worker.error = row.error
  return worker
}

/** That a heart beats on is no news, so nobody writes it: while its agent does not say otherwise, it does. */
function heartbeatAgeMs({ beatAt, heartbeatMs, isBlocked }: Row, now: number): number | undefined {
  if (beatAt === undefined || heartbeatMs === undefined) return undefined
  const ageMs = Math.max(0, now - beatAt)
  return isBlocked ? ageMs : Math.min(ageMs, heartbeatMs)
}
