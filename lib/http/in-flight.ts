// The requests of one worker that have begun and not ended, in a list from the oldest to the newest.

import type { Http2ServerResponse, ServerResponse } from '../util/node-types'
import type { Connection } from './connections'
import type { RequestPieces } from './request-json'
import type { RequestState } from './request-status'

export type AnyResponse = ServerResponse | Http2ServerResponse

/** One request between its beginning and its end. */
export interface Flight extends RequestPieces {
  response: AnyResponse
  from: Connection
  readonly beganAt: number
  state: RequestState
  since: number
  /** Whether it will be told of its end; until then it must ask. */
  isHeard: boolean
  /** It ends once, by its response or with its connection. */
  isOver: boolean
  older: Flight | undefined
  newer: Flight | undefined
}

/**
 * Written to with every request, so it writes little: each reference to a young object that an old one gets is one more
 * thing for the collector to remember. A lone request is `newest` and nothing else.
 */
export class Flights {
  count = 0
  /** When nothing is in flight, the last one that was. */
  newest: Flight | undefined
  /** The oldest of several. */
  oldest: Flight | undefined

  /** The one that a new flight will have before it. */
  get last(): Flight | undefined {
    return this.count > 0 ? this.newest : undefined
  }

  /** REQUIRES: `flight.older` is `last`. */
  add(flight: Flight): void {
    const { older } = flight
    this.newest = flight
    this.count += 1
    if (older === undefined) return
    older.newer = flight
    if (this.count === 2) this.oldest = older
  }

  /** REQUIRES: it was added, and not removed. */
  remove(flight: Flight): void {
    const { older, newer } = flight
    flight.isOver = true
    this.count -= 1
    if (older === undefined && newer === undefined) return
    if (older !== undefined) older.newer = newer
    if (newer !== undefined) newer.older = older
    else this.newest = older
    if (this.count < 2) this.oldest = undefined
    else if (older === undefined) this.oldest = newer
    flight.older = undefined
    flight.newer = undefined
  }

  /** From the newest to the oldest; whoever is called may remove the one it is called with. */
  forEach(visit: (flight: Flight) => void): void {
    for (let flight = this.last; flight !== undefined; ) {
      const { older } = flight
      visit(flight)
      flight = older
    }
  }
}
