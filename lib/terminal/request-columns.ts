// The columns of a board whose workers serve requests: what mod_status shows, one worker a line.

import {
  isBusy,
  isRequestStatus,
  type RequestStatus,
  requestTimes,
  STATE_LETTERS,
} from '../http/request-status'
import type { Snapshot, Status, WorkerEntry } from '../scoreboard/types'
import { kindOfWorker, markOf } from '../view/activity'
import { ageText, cut, escapeControls, statusText } from '../view/text'
import type { StateLimits } from '../view/worker-state'
import type { LastColumn, TableColumn } from './table'

const HOST_COLUMNS = 32

/** Whether most of the workers that say anything at all serve requests. */
export function servesRequests(snapshot: Snapshot): boolean {
  const statuses = snapshot.workers.map(({ status }) => status).filter((status) => status !== undefined)
  const serving = statuses.filter(isRequestStatus).length
  return serving > 0 && serving * 2 >= statuses.length
}

/**
 * State letter as on the page, how long the request at hand has run (or nothing has), requests served and in flight, the oldest of
 * several, method, host. The path comes last.
 */
export function requestColumns(
  { takenAt, workers }: Snapshot,
  limits: StateLimits,
): TableColumn<WorkerEntry>[] {
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
    {
      name: 'S',
      text: (worker) =>
        markOf(kindOfWorker(worker, takenAt, limits), of(({ state }) => STATE_LETTERS[state])(worker)),
    },
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
    {
      name: 'HOST',
      dropOrder: 1,
      text: of(({ host }) => cut(escapeControls(host ?? '-'), HOST_COLUMNS)),
    },
  ]
}

/** The path; what has ended already as the last; any other status as it is. */
export const REQUEST_PATH: LastColumn<Status | undefined> = {
  name: 'PATH',
  text(status, columns) {
    if (!isRequestStatus(status)) return statusText(status, columns)
    const path = status.path ?? '-'
    return statusText(status.path === undefined || isBusy(status.state) ? path : `last ${path}`, columns)
  },
}
