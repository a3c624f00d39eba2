// What of a fleet is shown, as the address of its page says: `?filter=zone=a`, `?machine=ID&worker=KEY`.

import { labelsText, type MachineView } from '../view/fleet'
import { isMatch, MAX_FILTER_LENGTH } from './row-order'

export interface FleetChoice {
  /** Lower case; words that all have to be there, those behind a `!` not. */
  filter: string
  /** The id of the machine that is open, and the key of the worker. */
  machine: string | undefined
  worker: string | undefined
}

const MAX_KEY_LENGTH = 4200

export function readFleetChoice(query: URLSearchParams): FleetChoice {
  const key = (name: string) => query.get(name)?.slice(0, MAX_KEY_LENGTH)
  const filter = (query.get('filter') ?? '').slice(0, MAX_FILTER_LENGTH).trim().toLowerCase()
  return { filter, machine: key('machine'), worker: key('worker') }
}

/** Whether a text has what was asked for. */
export function hasWords(text: string, filter: string): boolean {
  const lower = text.toLowerCase()
  return filter.split(/\s+/).every((word) => isMatch(lower, word))
}

/** What a machine is found by: name, host, state, and labels as `zone=a`. */
export function machineText({ name, machine }: MachineView): string {
  return `${name} ${machine.host} ${machine.state} ${labelsText(machine.labels)}`
}
