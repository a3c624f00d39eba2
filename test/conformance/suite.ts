// What every queue does, wherever its state is kept: one suite, run on each kind of place. What
// differs between the places is tested with them, and listed in docs/PROTOCOL.md.

import { queueFaces } from './faces'
import { itemsAndCreation } from './items'
import { queueUse } from './queue'
import { storePromises } from './store'
import { timerVerdicts } from './timers'

export interface QueuePlace {
  /** For the titles of the tests. */
  readonly name: string
  /** The URL of a queue that does not exist yet. */
  freshUrl(): Promise<string>
}

export function queueConformance(place: QueuePlace): void {
  queueUse(place)
  timerVerdicts(place)
  itemsAndCreation(place)
  storePromises(place)
  queueFaces(place)
}
