// Listens to the end of every request, for how many there were and how long they took: `metrics: true` of instrument().

import type { AnyScoreboard } from '../scoreboard/scoreboard'
import type { AnyRequest } from './connections'
import type { AnyResponse } from './in-flight'
import { followed } from './observers'
import { type RequestCounts, requestCountsOf } from './request-counts'

/** Which route a request belongs to; asked once it has ended, when its router has left that on it. */
export type RouteOf = (request: AnyRequest) => string | undefined

/** Counts the requests of one worker, until it is closed. */
export class RequestMetrics {
  readonly #counts: RequestCounts
  readonly #unseen = new WeakSet<AnyResponse>()
  readonly #onError: (error: Error) => void
  #isClosed = false

  /** @param onError hears of a board that cannot be made, after which nothing is counted */
  constructor(of: AnyScoreboard, onError: (error: Error) => void) {
    this.#counts = requestCountsOf(of)
    this.#counts.users += 1
    this.#onError = onError
    followed.add(this)
  }

  /** Never throws. */
  begin(request: AnyRequest, response: AnyResponse, routeOf: RouteOf = routeOfExpress): void {
    if (this.#counts.users > 1 && this.#hasSeen(response)) return
    const beganAt = performance.now()
    response.on('close', () => {
      if (this.#isClosed || this.#unseen.has(response)) return
      try {
        this.#counts.count({
          method: request.method ?? '',
          statusCode: response.writableFinished ? response.statusCode : undefined,
          seconds: (performance.now() - beganAt) / 1000,
          route: routeOf(request),
        })
      } catch (error) {
        // Once: a board that cannot be made now is asked for no more.
        this.close()
        this.#onError(error as Error)
      }
    })
  }

  /** Whether another server or framework has told of it before. */
  #hasSeen(response: AnyResponse): boolean {
    const marks = response as AnyResponse & { [key: symbol]: true | undefined }
    const { seenKey } = this.#counts
    if (marks[seenKey]) return true
    marks[seenKey] = true
    return false
  }

  forget(response: AnyResponse): void {
    this.#unseen.add(response)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    followed.delete(this)
    this.#counts.users -= 1
  }
}

/** What Express leaves on a request that one of its routes has taken. */
function routeOfExpress(request: AnyRequest & { baseUrl?: unknown; route?: { path?: unknown } }) {
  const path = request.route?.path
  return path === undefined ? undefined : `${request.baseUrl ?? ''}${path}`
}
