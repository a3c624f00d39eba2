// The columns of a board whose workers serve requests: what mod_status shows, one worker a line.

import {
  isBusy,
  isRequestStatus,
  type RequestStatus,
  requestTimes,
  STATE_LETTERS,
} from '../http/request-status'
import type { Snapshot, Status, WorkerEntry } from '../scoreboard/types'
import { ageText, cut, escapeControls, statusText } from '../view/text'
import type { LastColumn, TableColumn } from './table'

/** Whether most of the workers that say anything at all serve requests. */
export function servesRequests(snapshot: Snapshot): boolean {
  const statuses = snapshot.workers.map(({ status }) => status).filter((status) => status !== undefined)
  const serving = statuses.filter(isRequestStatus).length
  return serving > 0 && serving * 2 >= statuses.length
}

/**
 * State letter, how long the request at hand has run (or nothing has), requests served and in flight, the oldest of
 * several, method. The path comes last.
 */
export function requestColumns({ takenAt, workers }: Snapshot): TableColumn<WorkerEntry>[] {
  const of = (text: (status: RequestStatus) => string) => (worker: WorkerEntry) =>
    isRequestStatus(worker.status) ? text(worker.status) : '-'
  const hasSeveral = workers.some(({ status }) => isRequestStatus(status) && status.oldest !== undefined)
  const oldest: TableColumn<WorkerEntry> = {
    name: 'OLDEST',
    align: 'right',
    dropOrder: 2,
    text: of((status) => {
      const at = requestTimes(status)?.oldestAt
      return at === undefined ? '-' : ageText(takenAt - at)
    }),
  }
  return [
    { name: 'S', text: of(({ state }) => STATE_LETTERS[state]) },
    {
      name: 'SECS',
      align: 'right',
      text: of((status) => ageText(takenAt - (requestTimes(status)?.beganAt ?? status.since))),
    },
    { name: 'SERVED', align: 'right', dropOrder: 1, text: of(({ requests }) => String(requests)) },
    { name: 'OPEN', align: 'right', dropOrder: 1, text: of(({ inFlight }) => String(inFlight)) },
    ...(hasSeveral ? [oldest] : []),
    {
      name: 'METHOD',
      dropOrder: 4,
      text: of(({ method }) => cut(escapeControls(method ?? '-'), 7)),
    },
  ]
}

/** The path, after its host where workers have several; what has ended already as the last; any other status as it is. */
export function requestPath({ workers }: Snapshot): LastColumn<Status | undefined> {
  const hosts = new Set(workers.flatMap(({ status }) => (isRequestStatus(status) ? [status.host ?? ''] : [])))
  return {
    name: 'PATH',
    text(status, columns) {
      if (!isRequestStatus(status)) return statusText(status, columns)
      const path = `${hosts.size > 1 ? (status.host ?? '') : ''}${status.path ?? '-'}`
      return statusText(status.path === undefined || isBusy(status.state) ? path : `last ${path}`, columns)
    },
  }
}
