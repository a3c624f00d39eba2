// A request status as the JSON text that is published. Put together by hand from pieces that are kept, because a
// server publishes on every request: JSON.stringify of the same object takes several times as long, and so
// does text of many small pieces.
//
//   {"state":"working","method":"GET","path":"   /orders/17   ","host":...,"inFlight":   2   ,"since":...}
//    headPiece: by state and method              the path      connectionPiece: by           tailPiece: once
//                                                              connection                    in a turn

import type { RequestState } from './request-status'

/** Longer paths are cut, so that two of them fit into a slot of the default size. */
const MAX_PATH_LENGTH = 320
const MAX_HOST_LENGTH = 128

/** What of one request stays as it is while it is in flight. */
export interface RequestPieces {
  readonly method: string
  /** As it stands between quotes. */
  readonly path: string
  readonly connection: string
}

/** A text as it stands between the quotes of JSON. */
export function escaped(text: string): string {
  // A loop: to ask a regular expression takes longer than to look at a short text.
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return JSON.stringify(text).slice(1, -1)
  }
  return text
}

export function escapedPath(path: string): string {
  return escaped(path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH - 3)}...` : path)
}

/** Made of small pieces, V8 would put a text together anew each time that it is part of another. */
function inOnePiece(text: string): string {
  return Buffer.from(text).toString()
}

const headPieces: Record<RequestState, Map<string, string>> = {
  waiting: new Map(),
  'keep-alive': new Map(),
  reading: new Map(),
  working: new Map(),
  writing: new Map(),
}
// Methods of HTTP/1 are few; over HTTP/2 a client may invent some.
const MAX_METHODS = 50

/** `{"state":"working","method":"GET","path":"`. */
function headPiece(state: RequestState, method: string): string {
  const byMethod = headPieces[state]
  let piece = byMethod.get(method)
  if (piece === undefined) {
    piece = inOnePiece(`{"state":"${state}","method":"${escaped(method)}","path":"`)
    if (byMethod.size < MAX_METHODS) byMethod.set(method, piece)
  }
  return piece
}

/** `","host":"...","remoteAddress":"...","protocol":"HTTP/1.1","inFlight":`, without what is not known. */
export function connectionPiece(
  host: string | undefined,
  remoteAddress: string | undefined,
  httpVersion: string,
): string {
  const shortHost = host === undefined ? '' : `"host":"${escaped(host.slice(0, MAX_HOST_LENGTH))}",`
  const address = remoteAddress === undefined ? '' : `"remoteAddress":"${escaped(remoteAddress)}",`
  return inOnePiece(`",${shortHost}${address}"protocol":"HTTP/${escaped(httpVersion)}","inFlight":`)
}

/** `,"since":...,"requests":...,"bytes":...}`. */
export function tailPiece(since: number, oldest: string, requests: number, bytes: number): string {
  return `,"since":${since},${oldest}"requests":${requests},"bytes":${bytes}}`
}

/** `"oldest":{...},`: the request that takes longest. */
export function oldestPiece({ method, path }: RequestPieces, since: number): string {
  return `"oldest":{"method":"${escaped(method)}","path":"${path}","since":${since}},`
}

/** The whole status; `pieces` is undefined until there was a request. */
export function requestText(
  state: RequestState,
  pieces: RequestPieces | undefined,
  inFlight: number,
  tail: string,
): string {
  if (pieces === undefined) return `{"state":"${state}","inFlight":${inFlight}${tail}`
  return headPiece(state, pieces.method) + pieces.path + pieces.connection + inFlight + tail
}
