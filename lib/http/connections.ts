// The connections that requests have come by: where they are from, and how many bytes went back.

import type { Http2ServerRequest, Http2Session, IncomingMessage, Socket } from '../util/node-types'
import { connectionPiece } from './request-json'

export type AnyRequest = IncomingMessage | Http2ServerRequest

/** Says where a request comes from; undefined: by the address of its connection. */
export type AddressOf = ((request: AnyRequest) => string | undefined) | undefined

type Carrier = (Socket | Http2Session) & { [key: symbol]: Connection | undefined }

/** A connection that a request has come by. */
export interface Connection {
  readonly carrier: Carrier
  /** It ends with the one request that it has brought, whose answer tells of its end: nobody listens to it. */
  readonly isLone: boolean
  /** Of its other end. */
  readonly address: string | undefined
  host: string | undefined
  remoteAddress: string | undefined
  httpVersionMinor: number
  piece: string
  /** How many requests in flight are listened to: more than one over HTTP/2, and when a client pipelines. */
  heard: number
  countedBytes: number
  /** Whether it may have written since its bytes were counted. */
  isActive: boolean
}

export class Connections {
  count = 0
  /** Of its own: several workers of one process may share a server. */
  readonly #key = Symbol('rollcall.connection')
  #active: Connection[] = []
  /** Most clients that come one after the other come alike, and what is the same text should be one string. */
  #last = {
    host: '' as string | undefined,
    remoteAddress: '' as string | undefined,
    httpVersion: '',
    piece: '',
  }
  #loneBytes = 0
  readonly #onClose: (connection: Connection) => void

  /** @param onClose hears of each that ends, after it was counted out */
  constructor(onClose: (connection: Connection) => void) {
    this.#onClose = onClose
  }

  /** The connection of a request, which says what that request says of it. */
  of(request: AnyRequest, addressOf: AddressOf): Connection {
    // Over HTTP/2 `socket` is a stand-in that belongs to one request.
    const carrier = ((request as Http2ServerRequest).stream?.session ?? request.socket) as Carrier
    const connection = carrier[this.#key] ?? this.#connected(carrier, request)
    const host = request.headers.host ?? (request as Http2ServerRequest).authority
    const remoteAddress = addressOf === undefined ? connection.address : addressOf(request)
    // Major versions do not share a connection, and numbers are compared sooner than texts.
    if (
      host !== connection.host ||
      remoteAddress !== connection.remoteAddress ||
      request.httpVersionMinor !== connection.httpVersionMinor
    ) {
      this.#describe(connection, request, host, remoteAddress)
    }
    return connection
  }

  #describe(
    connection: Connection,
    { httpVersion, httpVersionMinor }: AnyRequest,
    host: string | undefined,
    remoteAddress: string | undefined,
  ): void {
    connection.host = host
    connection.remoteAddress = remoteAddress
    connection.httpVersionMinor = httpVersionMinor
    const last = this.#last
    if (host !== last.host || remoteAddress !== last.remoteAddress || httpVersion !== last.httpVersion) {
      const piece = connectionPiece(host, remoteAddress, httpVersion)
      this.#last = { host, remoteAddress, httpVersion, piece }
    }
    connection.piece = this.#last.piece
  }

  #connected(carrier: Carrier, request: AnyRequest): Connection {
    const isLone = isLastOf(request)
    const connection: Connection = {
      carrier,
      isLone,
      address: request.socket.remoteAddress,
      host: undefined,
      remoteAddress: undefined,
      httpVersionMinor: -1,
      piece: '',
      heard: 0,
      countedBytes: bytesWritten(carrier),
      isActive: false,
    }
    if (isLone) return connection
    carrier[this.#key] = connection
    this.count += 1
    ;(carrier as Socket).on('close', () => {
      this.count -= 1
      this.#onClose(connection)
    })
    return connection
  }

  /** Its only request is over, or goes on: takes now what it has written, so that no socket is kept for its bytes. */
  takeLone(connection: Connection): void {
    if (connection.isLone) this.#loneBytes += bytesSince(connection)
  }

  /** It may have written. */
  activate(connection: Connection): void {
    if (connection.isActive || connection.isLone) return
    connection.isActive = true
    this.#active.push(connection)
  }

  /** How many bytes the active ones have written since they were counted. */
  takeBytes(): number {
    let bytes = this.#loneBytes
    this.#loneBytes = 0
    for (const connection of this.#active.splice(0)) {
      connection.isActive = false
      bytes += bytesSince(connection)
    }
    return bytes
  }
}

/** Whether its connection ends with it, as its client says. */
function isLastOf({ headers, httpVersionMajor, httpVersionMinor }: AnyRequest): boolean {
  const { connection } = headers
  if (connection === undefined) return httpVersionMajor === 1 && httpVersionMinor === 0
  return connection === 'close'
}

/** What it has written since its bytes were counted; they are counted now. */
function bytesSince(connection: Connection): number {
  const written = bytesWritten(connection.carrier)
  if (written <= connection.countedBytes) return 0
  const bytes = written - connection.countedBytes
  connection.countedBytes = written
  return bytes
}

/** 0 where it cannot be known any more: of HTTP/2, when the session has ended. */
function bytesWritten(carrier: Carrier): number {
  try {
    return ('socket' in carrier ? carrier.socket : carrier).bytesWritten ?? 0
  } catch {
    return 0
  }
}
