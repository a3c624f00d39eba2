// Follows the requests of one worker and publishes what it does: at once when a request begins, because its
// code may never let go of the event loop again, and in the next turn of the loop for everything else.
//
// It runs on every request, and so keeps to what is cheap: it listens to nothing but the end of a response,
// writes its status from pieces that are kept, and looks ten times a second at what can wait (how many
// bytes were written, whether an answer has begun). Nothing that goes wrong with the board reaches the server.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse, Http2Session } from 'node:http2'
import type { Socket } from 'node:net'

import type { Scoreboard } from '../scoreboard/scoreboard'
import type { RequestState } from './request-status'
import {
  connectionPiece,
  escapedPath,
  oldestPiece,
  type RequestPieces,
  requestText,
  tailPiece,
} from './request-text'

export type AnyRequest = IncomingMessage | Http2ServerRequest
export type AnyResponse = ServerResponse | Http2ServerResponse

/** How requests that came one way are shown. */
export interface RequestView {
  path(request: AnyRequest): string
  remoteAddress(request: AnyRequest): string | undefined
  /** Hears the first thing that goes wrong. */
  onError(error: Error): void
}

const TICK_MS = 100
const WINDOW_MS = 1
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH'])

const seenKey = Symbol('rollcall.seen')
const connectionKey = Symbol('rollcall.connection')

type Carrier = (Socket | Http2Session) & { [connectionKey]?: Connection }

/** A connection that a request has come by. */
interface Connection {
  readonly carrier: Carrier
  host: string | undefined
  remoteAddress: string | undefined
  httpVersion: string
  piece: string
  /** How many of its requests are in flight: more than one over HTTP/2, and when a client pipelines. */
  inFlight: number
  countedBytes: number
  /** Whether it may have written since its bytes were counted. */
  isActive: boolean
}

/** One request between its beginning and its end, in a list from the oldest to the newest. */
interface Flight extends RequestPieces {
  readonly response: AnyResponse
  readonly from: Connection
  readonly beganAt: number
  state: RequestState
  since: number
  /** It ends once, by its response or with its connection. */
  isOver: boolean
  older: Flight | undefined
  newer: Flight | undefined
}

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
  readonly #board: Scoreboard
  #users = 0
  #oldest: Flight | undefined
  #newest: Flight | undefined
  #inFlight = 0
  /** The pieces of the newest request, also when it has ended. */
  #last: RequestPieces | undefined
  /** Undefined while requests are in flight. */
  #idleState: RequestState | undefined
  #idleSince = 0
  #connections = 0
  #active: Connection[] = []
  #requests = 0
  #bytes = 0
  #addRequest: ((n: number) => void) | undefined
  #addBytes: ((n: number) => void) | undefined
  #hasCounters = false
  /** Looks at what can wait, while there is something to look at. */
  #timer: NodeJS.Timeout | undefined
  /** The time, while requests come again and again: to ask for it can take as long as all the rest. */
  #now = 0
  /** Ends what belongs together: see #beginWindow. */
  #window: NodeJS.Timeout | undefined
  #isWindowOpen = false
  /** Whether something has begun in this window. */
  #isBusy = false
  #isSettling = false
  #hasSettled = false
  /** The end of the status, for all requests that begin in this window while `#tailOldest` is the oldest. */
  #tail = ''
  #tailOldest: Flight | undefined
  #onError: ((error: Error) => void) | undefined
  #hasTold = false
  /** Milliseconds since the Unix epoch; 0: the board takes what it is given. */
  #pausedUntil = 0
  #pauseMs = FIRST_PAUSE_MS

  constructor(board: Scoreboard) {
    this.#board = board
  }

  /** One more server publishes here. The function that is returned undoes it. */
  join({ onError }: RequestView): () => void {
    this.#users += 1
    this.#onError ??= onError
    if (this.#users === 1) this.#settle()
    let hasLeft = false
    return () => {
      if (hasLeft) return
      hasLeft = true
      if (this.#users === 1) this.#leave()
      this.#users -= 1
    }
  }

  /** A request has begun. Never throws. */
  begin(request: AnyRequest, response: AnyResponse, view: RequestView): void {
    if (this.#users === 0) return
    try {
      if (this.#users > 1 && hasSeen(response)) return
      const flight = this.#takeOff(request, response, view)
      response.on('close', () => this.#end(flight))
      if (flight.state === 'reading') request.on('end', () => this.#hasArrived(flight))
      this.#publish(flight.state, flight, this.#tailOf(flight))
      this.#timer ??= setInterval(this.#tick, TICK_MS).unref()
    } catch (error) {
      this.#tell(error)
    }
  }

  #takeOff(request: AnyRequest, response: AnyResponse, view: RequestView): Flight {
    this.#isBusy = true
    if (!this.#isWindowOpen) this.#openWindow()
    const method = request.method ?? ''
    const from = this.#connectionOf(request, view)
    const flight: Flight = {
      method,
      path: escapedPath(this.#pathOf(request, view)),
      connection: from.piece,
      response,
      from,
      state: WITH_BODY.has(method) ? 'reading' : 'working',
      beganAt: this.#now,
      since: this.#now,
      isOver: false,
      older: this.#newest,
      newer: undefined,
    }
    if (this.#newest === undefined) this.#oldest = flight
    else this.#newest.newer = flight
    this.#newest = flight
    this.#last = flight
    this.#idleState = undefined
    this.#inFlight += 1
    from.inFlight += 1
    return flight
  }

  #pathOf(request: AnyRequest, view: RequestView): string {
    try {
      return String(view.path(request))
    } catch (error) {
      this.#tell(error)
      return request.url ?? ''
    }
  }

  #connectionOf(request: AnyRequest, view: RequestView): Connection {
    // Over HTTP/2 `socket` is a stand-in that belongs to one request.
    const carrier: Carrier = (request as Http2ServerRequest).stream?.session ?? request.socket
    const from = carrier[connectionKey] ?? this.#connected(carrier)
    const host = request.headers.host ?? (request as Http2ServerRequest).authority
    const { httpVersion } = request
    const remoteAddress = view.remoteAddress(request)
    if (host !== from.host || remoteAddress !== from.remoteAddress || httpVersion !== from.httpVersion) {
      Object.assign(from, { host, remoteAddress, httpVersion })
      from.piece = connectionPiece(host, remoteAddress, httpVersion)
    }
    return from
  }

  #connected(carrier: Carrier): Connection {
    const connection: Connection = {
      carrier,
      host: undefined,
      remoteAddress: undefined,
      httpVersion: '',
      piece: '',
      inFlight: 0,
      countedBytes: bytesWritten(carrier),
      isActive: false,
    }
    carrier[connectionKey] = connection
    this.#connections += 1
    ;(carrier as Socket).on('close', () => this.#disconnected(connection))
    return connection
  }

  #hasArrived(flight: Flight): void {
    if (flight.state !== 'reading') return
    flight.state = 'working'
    flight.since = Date.now()
    if (flight === this.#newest) this.#publishNow()
  }

  #end(flight: Flight): void {
    if (flight.isOver) return
    flight.isOver = true
    if (flight.older === undefined) this.#oldest = flight.newer
    else flight.older.newer = flight.newer
    if (flight.newer === undefined) this.#newest = flight.older
    else flight.newer.older = flight.older
    flight.older = undefined
    flight.newer = undefined
    this.#inFlight -= 1
    this.#requests += 1
    this.#addRequest?.(1)
    flight.from.inFlight -= 1
    this.#activate(flight.from)
    this.#settleSoon()
  }

  #disconnected(connection: Connection): void {
    this.#connections -= 1
    // A response that waits behind another on a pipelined connection never hears of its end.
    for (let flight = this.#oldest; connection.inFlight > 0 && flight !== undefined; ) {
      const { newer } = flight
      if (flight.from === connection) this.#end(flight)
      flight = newer
    }
    this.#settleSoon()
  }

  /**
   * A window lasts a millisecond, or as long as a turn of the event loop. In each, the first end of a request is
   * published in the same turn; those that follow wait for the end of the window. So a worker that serves few
   * requests is never shown busy when it is not, and one that serves many pays a thousand times a second at most.
   */
  #openWindow(): void {
    this.#isWindowOpen = true
    this.#now = Date.now()
    this.#tail = ''
    this.#hasSettled = false
    if (this.#window === undefined) this.#window = setTimeout(this.#closeWindow, WINDOW_MS).unref()
    else this.#window.refresh()
  }

  readonly #closeWindow = (): void => {
    this.#isWindowOpen = false
    if (this.#users === 0) return
    if (this.#isBusy) this.#openWindow()
    this.#isBusy = false
    this.#settle()
  }

  #settleSoon(): void {
    if (this.#isSettling || (this.#isWindowOpen && this.#hasSettled)) return
    this.#isSettling = true
    this.#hasSettled = true
    setImmediate(this.#settleNow)
  }

  readonly #settleNow = (): void => {
    this.#isSettling = false
    if (this.#users > 0) this.#settle()
  }

  #settle(): void {
    this.#look()
    this.#publishNow()
  }

  readonly #tick = (): void => {
    const hadBytes = this.#countBytes()
    const hasChanged = this.#look()
    if (hadBytes || hasChanged) this.#publishNow()
    if (this.#inFlight > 0 || hadBytes) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Finds out what state it is in, where nothing has told. Whether it is another one than before. */
  #look(): boolean {
    const flight = this.#newest
    if (flight === undefined) {
      const state = this.#connections > 0 ? 'keep-alive' : 'waiting'
      if (state === this.#idleState) return false
      this.#idleState = state
      this.#idleSince = Date.now()
      return true
    }
    if (flight.state === 'writing' || !flight.response.headersSent) return false
    flight.state = 'writing'
    flight.since = Date.now()
    return true
  }

  #activate(connection: Connection): void {
    if (connection.isActive) return
    connection.isActive = true
    this.#active.push(connection)
  }

  /** Adds what was written since the last time. False: nothing. */
  #countBytes(): boolean {
    // Long answers are counted as they go.
    for (let flight = this.#oldest; flight !== undefined; flight = flight.newer) this.#activate(flight.from)
    let bytes = 0
    for (const connection of this.#active.splice(0)) {
      connection.isActive = false
      const written = bytesWritten(connection.carrier)
      if (written <= connection.countedBytes) continue
      bytes += written - connection.countedBytes
      connection.countedBytes = written
    }
    if (bytes === 0) return false
    this.#bytes += bytes
    this.#addBytes?.(bytes)
    return true
  }

  /** The end of the status of a request that begins now. */
  #tailOf(newest: Flight): string {
    const oldest = this.#oldest === newest ? undefined : this.#oldest
    if (this.#tail === '' || oldest !== this.#tailOldest) {
      this.#tail = this.#tailSince(newest.since, oldest)
      this.#tailOldest = oldest
    }
    return this.#tail
  }

  #tailSince(since: number, oldest: Flight | undefined): string {
    const piece = oldest === undefined ? '' : oldestPiece(oldest, oldest.beganAt)
    return tailPiece(since, piece, this.#requests, this.#bytes)
  }

  #publishNow(): void {
    const newest = this.#newest
    if (newest === undefined) {
      this.#publish(this.#idleState!, this.#last, this.#tailSince(this.#idleSince, undefined))
      return
    }
    const oldest = this.#oldest === newest ? undefined : this.#oldest
    this.#publish(newest.state, newest, this.#tailSince(newest.since, oldest))
  }

  #publish(state: RequestState, request: RequestPieces | undefined, tail: string): void {
    if (this.#pausedUntil > 0 && Date.now() < this.#pausedUntil) return
    try {
      if (!this.#board.updateJson(requestText(state, request, this.#inFlight, tail))) {
        // A board whose slots hold little.
        const since = this.#newest?.since ?? this.#idleSince
        const shortTail = this.#tailSince(since, undefined)
        this.#board.updateJson(requestText(state, undefined, this.#inFlight, shortTail))
      }
      this.#pausedUntil = 0
      if (!this.#hasCounters) this.#findCounters()
    } catch (error) {
      // The board may be full or busy now and not for ever; to try takes longer than a request should wait.
      this.#pausedUntil = Date.now() + this.#pauseMs
      this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS)
      this.#tell(error)
    }
  }

  /** After the first update, because asking for counters claims a slot. */
  #findCounters(): void {
    this.#hasCounters = true
    this.#pauseMs = FIRST_PAUSE_MS
    this.#addRequest = counterOf(this.#board, 'requests')
    this.#addBytes = counterOf(this.#board, 'bytes')
    this.#addRequest?.(this.#requests)
    this.#addBytes?.(this.#bytes)
  }

  #tell(error: unknown): void {
    if (this.#hasTold) return
    this.#hasTold = true
    try {
      this.#onError?.(error instanceof Error ? error : new Error(String(error)))
    } catch {
      // Whoever hears of errors must not make one for the request.
    }
  }

  #leave(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#window)
    this.#timer = undefined
    this.#window = undefined
    this.#isWindowOpen = false
    this.#countBytes()
    this.#look()
    this.#publishNow()
  }
}

/** Whether another server or framework has told of it before. */
function hasSeen(response: AnyResponse & { [seenKey]?: true }): boolean {
  if (response[seenKey]) return true
  response[seenKey] = true
  return false
}

/** 0 where it cannot be known any more: of HTTP/2, when the session has ended. */
function bytesWritten(carrier: Carrier): number {
  try {
    return ('socket' in carrier ? carrier.socket : carrier).bytesWritten ?? 0
  } catch {
    return 0
  }
}

/** Adds to one of the board's own counters; undefined when it has none of that name. */
function counterOf({ counters }: Scoreboard, name: string): ((n: number) => void) | undefined {
  if (!counters.names.includes(name)) return undefined
  const view = viewOf(counters)
  if (view === undefined) {
    return (n) => {
      try {
        counters.add(name, n)
      } catch {
        // The board was closed; whoever hears of errors learns it from the next status.
      }
    }
  }
  const index = counters.index(name)
  return (n) => {
    view[index]! += n
  }
}

function viewOf(counters: Scoreboard['counters']): Float64Array | undefined {
  try {
    return counters.view
  } catch {
    return undefined
  }
}
