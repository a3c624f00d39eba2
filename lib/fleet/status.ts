// A worker's status on its way through the store: as a text, cut where it is long.

import { toJson } from '../scoreboard/codec'
import type { JsonValue, Status } from '../scoreboard/types'
import { MAX_DEPTH, parseJson } from '../util/bounds'

/** The largest `statusBytes`. */
export const MAX_STATUS_BYTES = 4096
/** Of a text that is part of a longer status. */
const MEMBER_CHARS = 96
/** In base64 and in JSON's own escapes a byte may take more than one character. */
const MAX_WIRE_CHARS = 6 * MAX_STATUS_BYTES

const Kind = { none: 0, text: 1, bytes: 2, json: 3 } as const

export interface WireStatus {
  readonly kind: number
  readonly text: string
  readonly isCut: boolean
}

/** At most so many bytes of it. What JSON says keeps its shape where its texts are all that is long; else it becomes a text. */
export function cutStatus(status: Status | undefined, maxBytes: number): WireStatus {
  if (status === undefined) return { kind: Kind.none, text: '', isCut: false }
  if (typeof status === 'string') return textOf(status, maxBytes)
  if (status instanceof Uint8Array) {
    const isCut = status.length > maxBytes
    return { kind: Kind.bytes, text: Buffer.from(status.subarray(0, maxBytes)).toString('base64'), isCut }
  }
  const json = toJson(status)
  if (Buffer.byteLength(json) <= maxBytes) return { kind: Kind.json, text: json, isCut: false }
  const shorter = toJson(shortened(status as JsonValue))
  if (Buffer.byteLength(shorter) <= maxBytes) return { kind: Kind.json, text: shorter, isCut: true }
  return { ...textOf(json, maxBytes), isCut: true }
}

function textOf(text: string, maxBytes: number): WireStatus {
  if (text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes)
    return { kind: Kind.text, text, isCut: false }
  // Cut within a character, its last bytes decode to something else.
  const bytes = Buffer.from(text.slice(0, maxBytes)).subarray(0, maxBytes)
  return { kind: Kind.text, text: bytes.toString().replace(/\uFFFD+$/, ''), isCut: true }
}

/** The same with its own long texts cut: of a request, the path. */
function shortened(status: JsonValue): JsonValue {
  if (typeof status !== 'object' || status === null || Array.isArray(status)) return status
  const cut = (value: unknown) =>
    typeof value === 'string' && value.length > MEMBER_CHARS ? `${value.slice(0, MEMBER_CHARS)}...` : value
  return Object.fromEntries(Object.entries(status).map(([name, value]) => [name, cut(value)])) as JsonValue
}

/** In an object, because no status is one too; undefined where that is no status of ours. */
export function decodeStatus({ kind, text }: WireStatus): { status: Status | undefined } | undefined {
  if (typeof text !== 'string' || text.length > MAX_WIRE_CHARS) return undefined
  switch (kind) {
    case Kind.none:
      return { status: undefined }
    case Kind.text:
      return { status: text }
    case Kind.bytes:
      return { status: Buffer.from(text, 'base64') }
    case Kind.json:
      return parsed(text)
    default:
      return undefined
  }
}

function parsed(text: string): { status: Status } | undefined {
  try {
    const isShallow = text.length <= 2 * MAX_DEPTH
    return { status: (isShallow ? JSON.parse(text) : parseJson(Buffer.from(text))) as Status }
  } catch {
    return undefined
  }
}
