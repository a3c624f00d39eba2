// What a worker does, on one line, the same on every face: the request of a server, any other status as it is.

import { isRequestStatus, type RequestStatus, requestTimes } from '../http/request-status'
import type { Status } from '../scoreboard/types'
import { cut, escapeControls, statusText } from './text'

const MOST_LENGTH = 2048

/** `GET /export (3 in flight)`; of a worker that waits, its last request. Empty before the first. */
export function requestText({ method, path, inFlight }: RequestStatus, columns: number): string {
  const more = inFlight > 1 ? ` (${inFlight} in flight)` : ''
  // Every field comes from another process, which may publish what it likes.
  const safe = (text: string | undefined) => escapeControls(text?.slice(0, MOST_LENGTH) ?? '')
  const parts = [cut(safe(method), 32), safe(path)].filter((part) => part !== '')
  return cut(parts.join(' '), Math.max(1, columns - more.length)) + more
}

/** The same of any status; a request that has ended is `last GET /export`. */
export function doingText(status: Status | undefined, columns: number): string {
  if (!isRequestStatus(status)) return statusText(status, columns)
  const text = requestText(status, columns)
  if (text === '') return statusText(status.state, columns)
  return cut(requestTimes(status) === undefined ? `last ${text}` : text, columns)
}
