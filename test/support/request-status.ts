// What a server publishes of its requests, as tests look at it.

import assert from 'node:assert/strict'
import { isRequestStatus, type RequestStatus, type Scoreboard } from '../../lib'
import { eventually } from './eventually'

/** What the only worker of a board publishes. */
export function shown(board: Scoreboard): RequestStatus {
  const [status] = board.readAll().values()
  assert.ok(isRequestStatus(status), JSON.stringify(status))
  return status
}

/** Waits until it publishes all of that. */
export async function showing(board: Scoreboard, wanted: Partial<RequestStatus>): Promise<RequestStatus> {
  const matches = (status: RequestStatus) =>
    Object.entries(wanted).every(([name, value]) => status[name as keyof RequestStatus] === value)
  const say = () => `${JSON.stringify(wanted)}, the board has ${JSON.stringify(shown(board))}`
  await eventually(() => matches(shown(board)), say)
  return shown(board)
}
