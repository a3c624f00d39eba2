// The columns of a board whose workers serve requests: what mod_status shows, one worker a line.

import { isRequestStatus, type RequestStatus, STATE_LETTERS } from '../http/request-status'
import type { Snapshot, Status, WorkerEntry } from '../scoreboard/types'
import { ageText, cut, escapeControls, statusText } from '../view/text'
import type { LastColumn, TableColumn } from './table'

/** Whether most of the workers that say anything at all serve requests. */
export function servesRequests(snapshot: Snapshot): boolean {
  const statuses = snapshot.workers.map(({ status }) => status).filter((status) => status !== undefined)
  const serving = statuses.filter(isRequestStatus).length
  return serving > 0 && serving * 2 >= statuses.length
}

/** State letter, seconds in that state, requests served and in flight, method. The path comes last, in `requestText`. */
export function requestColumns(takenAt: number): TableColumn<WorkerEntry>[] {
  const of = (text: (status: RequestStatus) => string) => (worker: WorkerEntry) =>
    isRequestStatus(worker.status) ? text(worker.status) : '-'
  return [
    { name: 'S', text: of(({ state }) => STATE_LETTERS[state]) },
    { name: 'SECS', align: 'right', text: of(({ since }) => ageText(takenAt - since)) },
    { name: 'SERVED', align: 'right', dropOrder: 1, text: of(({ requests }) => String(requests)) },
    { name: 'OPEN', align: 'right', dropOrder: 1, text: of(({ inFlight }) => String(inFlight)) },
    {
      name: 'METHOD',
      dropOrder: 4,
      text: of(({ method }) => cut(escapeControls(method ?? '-'), 7)),
    },
  ]
}

/** The path, after its host where there is one; any other status as it is. */
export const REQUEST_PATH: Pick<LastColumn<Status | undefined>, 'name' | 'text'> = {
  name: 'PATH',
  text(status, columns) {
    if (!isRequestStatus(status)) return statusText(status, columns)
    return statusText(`${status.host ?? ''}${status.path ?? '-'}`, columns)
  },
}
