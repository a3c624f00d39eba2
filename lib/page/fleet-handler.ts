// The page of a fleet as an HTTP handler: every machine and each of its workers at one address, for people, for programs
// (?json), for Prometheus (/metrics by machine, ?by=worker by worker) and its service discovery (/sd).

import { Fleet } from '../fleet/fleet'
import { describeValue } from '../util/check-options'
import type { IncomingMessage, ServerResponse } from '../util/node-types'
import type { StatusHandler } from './handler'
import type { StatusHandlerOptions } from './handler-options'

/** Loaded with the first page, as that of a board. */
const inside = () => require('./fleet-status-page') as typeof import('./fleet-status-page')

/**
 * Makes the page of a fleet: a block for each machine, a cell for each of its workers, trouble first. Takes what
 * `statusHandler()` takes, and is mounted like it. Closing it leaves the fleet's handle open.
 *
 * ```js
 * await using fleet = await Fleet.connect('zk://zk1,zk2/fleet')
 * http.createServer(fleetHandler(fleet)).listen(8080)
 * ```
 *
 * @throws {TypeError | RangeError} an option is wrong
 */
export function fleetHandler<S>(fleet: Fleet<S>, options: StatusHandlerOptions = {}): StatusHandler {
  if (!(fleet instanceof Fleet)) throw new TypeError(`Expected a Fleet, got ${describeValue(fleet)}`)
  const page = new (inside().FleetPage)(fleet as Fleet, options)
  const handler = (request: IncomingMessage, response: ServerResponse) => page.handle(request, response)
  return Object.assign(handler, { close: () => page.close() })
}
