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
  #lastPiece = ''
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
    const piece = connectionPiece(host, remoteAddress, httpVersion)
    if (piece !== this.#lastPiece) this.#lastPiece = piece
    connection.piece = this.#lastPiece
  }

  #connected(carrier: Carrier, request: AnyRequest): Connection {
    const connection: Connection = {
      carrier,
      address: request.socket.remoteAddress,
      host: undefined,
      remoteAddress: undefined,
      httpVersionMinor: -1,
      piece: '',
      heard: 0,
      countedBytes: bytesWritten(carrier),
      isActive: false,
    }
    carrier[this.#key] = connection
    this.count += 1
    ;(carrier as Socket).on('close', () => {
      this.count -= 1
      this.#onClose(connection)
    })
    return connection
  }

  /** It may have written. */
  activate(connection: Connection): void {
    if (connection.isActive) return
    connection.isActive = true
    this.#active.push(connection)
  }

  /** How many bytes the active ones have written since they were counted. */
  takeBytes(): number {
    let bytes = 0
    for (const connection of this.#active.splice(0)) {
      connection.isActive = false
      const written = bytesWritten(connection.carrier)
      if (written <= connection.countedBytes) continue
      bytes += written - connection.countedBytes
      connection.countedBytes = written
    }
    return bytes
  }
}

/** 0 where it cannot be known any more: of HTTP/2, when the session has ended. */
function bytesWritten(carrier: Carrier): number {
  try {
    return ('socket' in carrier ? carrier.socket : carrier).bytesWritten ?? 0
  } catch {
    return 0
  }
}
