// A request status as the JSON text that is published, in a buffer that is kept: a server publishes on every request,
// and most of what it says is what it said before. JSON.stringify of the same object takes ten times as
// long, and so does a string that is put together anew, once V8 has to copy it out of all its pieces.
//
//   {"state":"working","method":"GET","host":...,"since":...,"inFlight":       17,"path":"/orders/17"}
//    the head, written when one of its pieces is another one        its digits: when  the path: always
//                                                                   they change

import type { NodeBuffer } from '../util/node-types'
import type { RequestState } from './request-status'

/** Longer paths are cut, so that two of them fit into a slot of the default size. */
const MAX_PATH_LENGTH = 320
const MAX_NAME_LENGTH = 128
const MAX_METHOD_LENGTH = 32

/** More than a text can have, all of it escaped: two paths, two names, two methods and the numbers. */
const BUFFER_BYTES = 8192
const DIGITS = 9
const AFTER_DIGITS = ',"path":"'
const SPACE = 0x20
const QUOTE = 0x22
const ZERO = 0x30
const COLON = 0x3a
const BACKSLASH = 0x5c
const BRACE = 0x7d
const DELETE = 0x7f

/** What of one request stays as it is while it is in flight. */
export interface RequestPieces {
  readonly method: string
  /** At most as long as `shortPath()` makes it. */
  readonly path: string
  /** From `connectionPiece()`. */
  readonly connection: string
}

/** What needs no escape between the quotes of JSON, and one byte each. */
function isPlain(code: number): boolean {
  return code >= SPACE && code < DELETE && code !== QUOTE && code !== BACKSLASH
}

/** A text as it stands between the quotes of JSON. */
function escaped(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (!isPlain(text.charCodeAt(i))) return JSON.stringify(text).slice(1, -1)
  }
  return text
}

export function shortPath(path: string): string {
  return path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH - 3)}...` : path
}

function escapedMethod(method: string): string {
  return escaped(method.slice(0, MAX_METHOD_LENGTH))
}

function namePiece(key: string, name: string | undefined): string {
  return name === undefined ? '' : `"${key}":"${escaped(name.slice(0, MAX_NAME_LENGTH))}",`
}

/** `"host":"...","remoteAddress":"...","protocol":"HTTP/1.1",`, without what is not known. */
export function connectionPiece(
  host: string | undefined,
  remoteAddress: string | undefined,
  httpVersion: string,
): string {
  const names = namePiece('host', host) + namePiece('remoteAddress', remoteAddress)
  return `${names}"protocol":"HTTP/${escaped(httpVersion)}",`
}

/** `"since":...,"requests":...,"bytes":...,`. */
export function numbersPiece(since: number, oldest: string, requests: number, bytes: number): string {
  return `"since":${since},${oldest}"requests":${requests},"bytes":${bytes},`
}

/** `"began":...,`: the request at hand, where its state is not its first. */
export function beganPiece(at: number): string {
  return `"began":${at},`
}

/** `"oldest":{...},`: the request that takes longest. */
export function oldestPiece({ method, path }: RequestPieces, since: number): string {
  return `"oldest":{"method":"${escapedMethod(method)}","path":"${escaped(path)}","since":${since}},`
}

/** The text of one worker. */
export class StatusText {
  readonly bytes: NodeBuffer = Buffer.alloc(BUFFER_BYTES)
  // What the text says now; no state: not of a request.
  #state: RequestState | undefined
  #method = ''
  #connection = ''
  #numbers = ''
  #inFlight = -1
  #path = ''
  /** Where the path begins. */
  #pathAt = 0

  /**
   * Of a worker that serves this request.
   *
   * @param numbers from `numbersPiece()`
   * @returns how many of the bytes it is; 0: the text says so already
   */
  write(state: RequestState, request: RequestPieces, inFlight: number, numbers: string): number {
    if (
      state !== this.#state ||
      request.method !== this.#method ||
      request.connection !== this.#connection ||
      numbers !== this.#numbers
    ) {
      this.#writeHead(state, request, numbers)
    }
    if (inFlight !== this.#inFlight) this.#writeDigits(inFlight)
    else if (request.path === this.#path) return 0
    this.#path = request.path
    return this.#writePath(request.path)
  }

  /** The numbers alone: there was no request, or there is no room for one. Returns how many of the bytes it is. */
  writeNumbers(state: RequestState, inFlight: number, numbers: string): number {
    this.forget()
    return this.bytes.write(`{"state":"${state}",${numbers}"inFlight":${inFlight}}`)
  }

  /** Whatever the text says, it was not published. */
  forget(): void {
    this.#state = undefined
  }

  #writeHead(state: RequestState, { method, connection }: RequestPieces, numbers: string): void {
    const request = `"state":"${state}","method":"${escapedMethod(method)}",${connection}`
    this.#pathAt = this.bytes.write(`{${request}${numbers}"inFlight":${' '.repeat(DIGITS)}${AFTER_DIGITS}`)
    this.#state = state
    this.#method = method
    this.#connection = connection
    this.#numbers = numbers
    this.#inFlight = -1
  }

  /** From the last digit on; before the first one there are spaces. */
  #writeDigits(inFlight: number): void {
    const { bytes } = this
    let at = this.#pathAt - AFTER_DIGITS.length - 1
    for (let rest = inFlight; ; rest = Math.trunc(rest / 10)) {
      bytes[at--] = ZERO + (rest % 10)
      if (rest < 10) break
    }
    while (bytes[at] !== COLON) bytes[at--] = SPACE
    this.#inFlight = inFlight
  }

  #writePath(path: string): number {
    const { bytes } = this
    let at = this.#pathAt
    for (let i = 0; i < path.length; i++) {
      const code = path.charCodeAt(i)
      if (!isPlain(code)) {
        at = this.#pathAt + bytes.write(escaped(path), this.#pathAt)
        break
      }
      bytes[at++] = code
    }
    bytes[at] = QUOTE
    bytes[at + 1] = BRACE
    return at + 2
  }
}
