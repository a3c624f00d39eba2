// Opening the fleet that a verb is about, and looking at it until the verb is over.

import type { Fleet } from '../../fleet/fleet'
import type { FleetViewOptions } from '../../fleet/types'
import type { ServerOptions } from '../parse/queue-flags'
import { serverOptions, withPlaceHint } from './open-queue'
import { StopSignal } from './stop-signal'

export interface FleetPlace extends ServerOptions {
  sharedDirectory?: boolean
  connectTimeout?: number
  sessionTimeout?: number
}

/** The way to a store, as `Fleet.connect` and `Fleet.join` take it. */
export function fleetOptions(flags: FleetPlace, signal?: AbortSignal): FleetViewOptions {
  return {
    ...serverOptions(flags),
    ...(flags.sharedDirectory ? { allowSharedDirectory: true } : {}),
    ...(flags.connectTimeout === undefined ? {} : { connectTimeoutMs: flags.connectTimeout }),
    ...(flags.sessionTimeout === undefined ? {} : { sessionTimeoutMs: flags.sessionTimeout }),
    ...(signal === undefined ? {} : { signal }),
  }
}

/** Opens the fleet, calls, and closes it, whatever happened. Ctrl-C is no failure, whenever it comes. */
export async function useFleet(
  url: string,
  flags: FleetPlace,
  work: (fleet: Fleet, stop: StopSignal) => Promise<void>,
  view: FleetViewOptions = {},
): Promise<void> {
  using stop = new StopSignal()
  const { Fleet } = await import('../../fleet/fleet.js')
  try {
    await using fleet = await Fleet.connect(url, { ...fleetOptions(flags, stop.signal), ...view })
    await work(fleet, stop)
  } catch (error) {
    if (!stop.signal.aborted) throw withPlaceHint(error, url, 'fleet')
  }
  if (stop.signal.aborted) process.exitCode = stop.exitCode
}
