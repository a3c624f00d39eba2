// What every queue does, wherever its state is kept: one suite, run on each kind of place. What
// differs between the places is tested with them, and listed in docs/PROTOCOL.md.

import { queueFaces } from './faces'
import { itemsAndCreation } from './items'
import { itemLife } from './life'
import { itemOrder } from './order'
import type { QueuePlace } from './place'
import { queueUse } from './queue'
import { storePromises } from './store'
import { timerVerdicts } from './timers'

export function queueConformance(place: QueuePlace): void {
  queueUse(place)
  timerVerdicts(place)
  itemsAndCreation(place)
  itemOrder(place)
  itemLife(place)
  storePromises(place)
  queueFaces(place)
}
