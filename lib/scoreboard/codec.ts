// How a status becomes bytes and comes back.

import {
  isAnyArrayBuffer,
  isMap,
  isPromise,
  isSet,
  isUint8Array,
  isWeakMap,
  isWeakSet,
} from 'node:util/types'
import { isTooDeep, MAX_DEPTH, parseJson } from '../util/bounds'
import { describeValue } from '../util/check-options'
import type { JsonValue, Status } from './types'

/** The numbers of enum Encoding in native/core/board.h. `ascii` is UTF-8 that needs no decoding. */
export const Encoding = { utf8: 0, ascii: 1, bytes: 2, json: 3 } as const

export interface EncodedStatus {
  bytes: Buffer
  encoding: number
}

/**
 * Whether a status is bytes: of the typed arrays only Uint8Array and its subclasses are. Not by
 * instanceof: those of another realm, such as a test runner's, are as good.
 */
export function isBytes(status: unknown): status is Uint8Array {
  return isUint8Array(status)
}

function expected(got: string, cause?: unknown): TypeError {
  const message = `Expected a status to be a string, a Uint8Array or a JSON value, got ${got}`
  return new TypeError(message, cause === undefined ? undefined : { cause })
}

/** What JSON would silently turn into something else. */
function isNoJson(status: unknown): boolean {
  return (
    ArrayBuffer.isView(status) ||
    isAnyArrayBuffer(status) ||
    isMap(status) ||
    isSet(status) ||
    isWeakMap(status) ||
    isWeakSet(status) ||
    isPromise(status)
  )
}

/**
 * The JSON of a status that is neither a string nor bytes. Below the top level the rules of
 * `JSON.stringify` hold: `toJSON` is called, members that are undefined or functions are left out.
 *
 * @throws {TypeError} it is no JSON value: undefined, a function, a symbol, a BigInt anywhere,
 * a cycle, NaN or an infinity, a Map, a Set, a typed array other than Uint8Array; `encodeStatus` refuses what
 * is nested deeper than any reader takes
 */
export function toJson(status: unknown): string {
  if (isNoJson(status)) throw expected(describeValue(status))
  if (typeof status === 'number' && !Number.isFinite(status)) throw expected(describeValue(status))
  let text: string | undefined
  try {
    text = JSON.stringify(status)
  } catch (cause) {
    // A cycle, a BigInt, or a toJSON() that threw.
    const why = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
    throw expected(`${describeValue(status)}, which cannot be written as JSON: ${why}`, cause)
  }
  if (text === undefined) throw expected(describeValue(status))
  return text
}

/** Long texts are encoded here again and again: a new buffer for each would keep the collector busy. */
let scratch = Buffer.alloc(0)
const MAX_SCRATCH_BYTES = 1024 * 1024

function encodeText(text: string): Buffer {
  const atMost = text.length * 3
  if (atMost > MAX_SCRATCH_BYTES) return Buffer.from(text)
  if (atMost > scratch.length) scratch = Buffer.allocUnsafeSlow(Math.min(2 * atMost, MAX_SCRATCH_BYTES))
  return scratch.subarray(0, scratch.write(text))
}

/** The bytes are good until the next call. */
export function encodeStatus(status: Status): EncodedStatus {
  if (typeof status === 'string') return { bytes: encodeText(status), encoding: Encoding.utf8 }
  if (isBytes(status)) {
    return {
      bytes: Buffer.from(status.buffer, status.byteOffset, status.byteLength),
      encoding: Encoding.bytes,
    }
  }
  const bytes = encodeText(toJson(status))
  if (isTooDeep(bytes)) {
    throw expected(`${describeValue(status)}, which is nested deeper than ${MAX_DEPTH} levels`)
  }
  return { bytes, encoding: Encoding.json }
}

/**
 * The status that `bytes` hold. Bytes are copied: the caller's buffer is used again.
 *
 * @throws {SyntaxError} JSON that is none, or nested too deep
 */
export function decodeStatus(bytes: Buffer, encoding: number): Status {
  switch (encoding) {
    case Encoding.ascii:
      return bytes.toString('latin1')
    case Encoding.bytes:
      return Buffer.from(bytes)
    case Encoding.json:
      return parseJson(bytes) as JsonValue
    default:
      return bytes.toString('utf8')
  }
}

/** The first characters of a status that cannot be shown whole. */
export function previewOf(bytes: Buffer): string | undefined {
  const text = bytes.subarray(0, 64).toString('utf8')
  return text === '' ? undefined : text
}
