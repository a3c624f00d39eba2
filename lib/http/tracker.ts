// Follows the requests of one worker and publishes what it does: at once when a request begins, because its
// code may never let go of the event loop again, and in the next turn of the loop for everything else.
//
// It runs on every request, and so keeps to what is cheap. Most requests are answered in the turn in which they
// came, and nobody has to tell of their end: it is seen when the next one begins, or at the end of the turn or
// of the window. Only what is still in flight then is listened to. Ten times a second it looks at what can wait:
// how many bytes were written, whether an answer has begun.

import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'

import type { Scoreboard } from '../scoreboard/scoreboard'
import { type AddressOf, type AnyRequest, type Connection, Connections } from './connections'
import { type AnyResponse, type Flight, Flights } from './in-flight'
import { followed } from './observers'
import { PublishWindow } from './publish-window'
import { RequestPublisher } from './publisher'
import { beganPiece, numbersPiece, oldestPiece, shortPath } from './request-json'
import type { RequestState } from './request-status'

export type { AnyRequest, AnyResponse }

/** How requests that came one way are shown. */
export interface RequestView {
  path(request: AnyRequest): string
  remoteAddress: AddressOf
  /** Hears the first thing that goes wrong. */
  onError(error: Error): void
}

const TICK_MS = 100
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH'])

const trackers = new WeakMap<Scoreboard, RequestTracker>()

/** The one tracker of a board's handle: two servers of a worker are one worker. */
export function trackerOf(board: Scoreboard): RequestTracker {
  let tracker = trackers.get(board)
  if (tracker === undefined) {
    tracker = new RequestTracker(board)
    trackers.set(board, tracker)
  }
  return tracker
}

export class RequestTracker {
  readonly #publisher: RequestPublisher
  readonly #flights = new Flights()
  readonly #connections = new Connections((connection) => this.#disconnected(connection))
  /** Of its own: a server may be on several boards. */
  readonly #seenKey = Symbol('rollcall.seen')
  #users = 0
  /** The only one in flight, while a request that says the same may take its place. */
  #replaceable: Flight | undefined
  /** Undefined while requests are in flight. */
  #idleState: RequestState | undefined
  #idleSince = 0
  /** Whether something has ended that was not published. */
  #isStale = true
  /** Looks at what can wait, while there is something to look at. */
  #timer: NodeJS.Timeout | undefined
  readonly #window: PublishWindow
  /** What all requests that begin in this window say, while `#numbersOldest` is the oldest. */
  #numbers = ''
  #numbersOldest: Flight | undefined

  constructor(board: Scoreboard) {
    this.#publisher = new RequestPublisher(board, () => {
      this.#isStale = true
      if (this.#users > 0) this.#settle()
    })
    this.#window = new PublishWindow({
      isUsed: () => this.#users > 0,
      served: () => this.#publisher.requests,
      settle: () => this.#settle(),
      onOpen: () => {
        this.#numbers = ''
      },
      onClose: () => {
        this.#replaceable = undefined
      },
    })
  }

  /** One more server publishes here. The function that is returned undoes it. */
  join({ onError }: RequestView): () => void {
    this.#users += 1
    this.#publisher.onError ??= onError
    if (this.#users === 1) {
      followed.add(this)
      this.#settle()
      this.#publisher.lookAfterBoard(true)
    }
    let hasLeft = false
    return () => {
      if (hasLeft) return
      hasLeft = true
      if (this.#users === 1) this.#leave()
      if (this.#users === 1) followed.delete(this)
      this.#users -= 1
    }
  }

  /** Whoever asks for the status page does not count: it would make each worker busy that is looked at. */
  forget(response: AnyResponse): void {
    this.#flights.forEach((flight) => {
      if (flight.response !== response) return
      this.#replaceable = undefined
      if (flight.isHeard) flight.from.heard -= 1
      this.#flights.forget(flight)
      this.#isStale = true
      // Now: what is about to be answered may be about this very worker.
      this.#settle()
    })
  }

  /** A request has begun. Never throws. */
  begin(request: AnyRequest, response: AnyResponse, view: RequestView): void {
    if (this.#users === 0) return
    try {
      if (this.#users > 1 && this.#hasSeen(response)) return
      const path = shortPath(this.#pathOf(request, view))
      const from = this.#connections.of(request, view.remoteAddress)
      if (!this.#repeats(request, response, path, from)) this.#takeOff(request, response, path, from)
    } catch (error) {
      this.#publisher.tell(error)
    }
  }

  /** Whether another server or framework has told of it before. */
  #hasSeen(response: AnyResponse): boolean {
    const marks = response as AnyResponse & { [key: symbol]: true | undefined }
    if (marks[this.#seenKey]) return true
    marks[this.#seenKey] = true
    return false
  }

  /**
   * Whether it only takes the place of the last one, which is over, and says the same in the same window. Servers
   * under load do little else, and most of what a request costs here is the code that it runs through, cold.
   */
  #repeats(request: AnyRequest, response: AnyResponse, path: string, from: Connection): boolean {
    const flight = this.#replaceable
    if (
      flight === undefined ||
      path !== flight.path ||
      request.method !== flight.method ||
      from.piece !== flight.connection ||
      !isOver(flight.response)
    ) {
      return false
    }
    this.#count()
    this.#connections.takeLone(flight.from)
    this.#connections.activate(from)
    flight.response = response
    flight.from = from
    return true
  }

  #takeOff(request: AnyRequest, response: AnyResponse, path: string, from: Connection): void {
    if (!this.#window.isOpen) this.#window.open()
    this.#hearNewest()
    const flight = this.#flightOf(request, response, path, from)
    this.#flights.add(flight)
    this.#connections.activate(from)
    if (flight.state === 'reading') request.on('end', () => this.#hasArrived(flight))
    this.#publisher.publish(flight.state, flight, this.#flights.count, this.#numbersOfWindow())
    if (this.#flights.count === 1 && flight.state === 'working') this.#replaceable = flight
    this.#idleState = undefined
    this.#timer ??= setInterval(this.#tick, TICK_MS).unref()
    this.#window.begin()
  }

  #flightOf(request: AnyRequest, response: AnyResponse, path: string, from: Connection): Flight {
    const method = request.method ?? ''
    const { openedAt } = this.#window
    return {
      method,
      path,
      connection: from.piece,
      response,
      from,
      beganAt: openedAt,
      state: WITH_BODY.has(method) ? 'reading' : 'working',
      since: openedAt,
      isHeard: false,
      isOver: false,
      older: this.#flights.last,
      newer: undefined,
    }
  }

  #pathOf(request: AnyRequest, view: RequestView): string {
    try {
      const path = view.path(request)
      return typeof path === 'string' ? path : String(path)
    } catch (error) {
      this.#publisher.tell(error)
      return request.url ?? ''
    }
  }

  #hasArrived(flight: Flight): void {
    if (flight.isOver || flight.state !== 'reading') return
    flight.state = 'working'
    flight.since = Date.now()
    if (flight === this.#flights.last) this.#publishNow()
  }

  /** Of all in flight, only the newest is not listened to. */
  #hearNewest(): void {
    this.#replaceable = undefined
    const flight = this.#flights.last
    if (flight === undefined || flight.isHeard) return
    if (isOver(flight.response)) {
      this.#end(flight)
      return
    }
    flight.isHeard = true
    flight.from.heard += 1
    flight.response.on('close', () => {
      this.#end(flight)
      this.#window.settleSoon()
    })
  }

  #end(flight: Flight): void {
    if (flight.isOver) return
    this.#flights.remove(flight)
    if (flight.isHeard) flight.from.heard -= 1
    this.#connections.takeLone(flight.from)
    this.#count()
  }

  #count(): void {
    this.#publisher.countRequest()
    this.#isStale = true
  }

  #disconnected(connection: Connection): void {
    const { last } = this.#flights
    // A response that waits behind another on a pipelined connection never hears of its end. One that is over waits for
    // whoever comes to take its place.
    if (connection.heard > 0 || (last?.from === connection && !isOver(last.response))) {
      this.#flights.forEach((flight) => {
        if (flight.from === connection) this.#end(flight)
      })
    }
    this.#window.settleSoon()
  }

  /** Publishes what has changed; whether something had. */
  #settle(): boolean {
    this.#hearNewest()
    const hasChanged = this.#look() || this.#isStale
    if (hasChanged) this.#publishNow()
    return hasChanged
  }

  readonly #tick = (): void => {
    const hadBytes = this.#countBytes()
    const hasChanged = this.#look()
    if (hadBytes || hasChanged) this.#publishNow()
    if (this.#flights.count > 0 || hadBytes) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Finds out what state it is in, where nothing has told. Whether it is another one than before. */
  #look(): boolean {
    const flight = this.#flights.last
    if (flight === undefined) {
      const state = this.#connections.count > 0 ? 'keep-alive' : 'waiting'
      if (state === this.#idleState) return false
      this.#idleState = state
      this.#idleSince = Date.now()
      return true
    }
    if (flight.state === 'writing' || !flight.response.headersSent) return false
    this.#replaceable = undefined
    flight.state = 'writing'
    flight.since = Date.now()
    return true
  }

  /** Adds what was written since the last time. False: nothing. */
  #countBytes(): boolean {
    const bytes = this.#connections.takeBytes()
    if (bytes > 0) this.#publisher.countBytes(bytes)
    // What has not ended will write more.
    this.#flights.forEach(({ from }) => {
      this.#connections.takeLone(from)
      this.#connections.activate(from)
    })
    return bytes > 0
  }

  #numbersOfWindow(): string {
    const { oldest } = this.#flights
    if (this.#numbers === '' || oldest !== this.#numbersOldest) {
      this.#numbers = this.#numbersSince(this.#window.openedAt)
      this.#numbersOldest = oldest
    }
    return this.#numbers
  }

  /** @param beganAt when the request at hand began, where its state is a later one */
  #numbersSince(since: number, beganAt = since): string {
    const { oldest } = this.#flights
    const began = beganAt === since ? '' : beganPiece(beganAt)
    const piece = oldest === undefined ? began : began + oldestPiece(oldest, oldest.beganAt)
    return numbersPiece(since, piece, this.#publisher.requests, this.#publisher.bytes)
  }

  #publishNow(): void {
    this.#isStale = false
    // What is said later may not be less.
    this.#numbers = ''
    const { count, newest } = this.#flights
    const state = count > 0 ? newest!.state : this.#idleState!
    const since = count > 0 ? newest!.since : this.#idleSince
    const beganAt = count > 0 ? newest!.beganAt : since
    this.#publisher.publish(state, newest, count, this.#numbersSince(since, beganAt))
  }

  #leave(): void {
    this.#publisher.lookAfterBoard(false)
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#window.stop()
    this.#hearNewest()
    this.#countBytes()
    this.#look()
    this.#publishNow()
  }
}

/** Whether 'close' has been told, or soon will be: each kind of response is destroyed before. */
function isOver(response: AnyResponse): boolean {
  // Those of HTTP/2 do not say so themselves.
  return (response as ServerResponse).destroyed ?? (response as Http2ServerResponse).stream.destroyed
}
