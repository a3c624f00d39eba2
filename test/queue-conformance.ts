// What every queue does, wherever its state is kept: one suite, run on each kind of place. What
// differs between the places is tested with them, and listed in docs/PROTOCOL.md.

import { queueFaces } from './conformance/faces'
import { itemsAndCreation } from './conformance/items'
import { queueUse } from './conformance/queue'
import { storePromises } from './conformance/store'
import { timerVerdicts } from './conformance/timers'

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
