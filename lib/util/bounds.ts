// What comes out of a store or a slot, and how much of it is believed. Whoever may write there may write
// anything: a number that fills the memory of its reader, a name that is a path, brackets ten million deep. Each
// bound is also that of the check before a write (check-options.ts), so nothing that we write is refused here.

import { describeValue } from './check-options'

/** Node's timers hold no more. */
export const MAX_MS = 2 ** 31 - 1
/** The last moment that a Date can tell, in milliseconds since the Unix epoch. */
export const MAX_TIME_MS = 8.64e15
/** Workers that a queue may expect. */
export const MAX_EXPECTED = 1_000_000
export const MAX_ATTEMPTS = 1000
export const MAX_PRIORITY = 255
export const MAX_PAGE_ITEMS = 1000
export const MAX_ITEM_BYTES = 1_000_000
export const MAX_ID_BYTES = 1024
export const MIN_EXIT_CODE = -(2 ** 31)
export const MAX_EXIT_CODE = 2 ** 32
/** Of what only grows: a step more is still a safe integer. */
export const MAX_COUNT = 2 ** 52
/**
 * How deep JSON may be nested. JSON.parse takes any depth, and seconds for ten million; what walks the value
 * afterwards, JSON.stringify for one, runs out of stack at a few thousand. A text that fits into a slot of the
 * default size cannot be deeper, so it need not be looked through.
 */
export const MAX_DEPTH = 512
/** Of a record of the queue: ZooKeeper takes a sixteenth of it, the local store's states may be longer. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024

/** An integer from 0 to `most`. */
export function isCount(value: unknown, most: number = MAX_COUNT): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most
}

/** An integer from `least` to `most`. */
export function isIntegerFrom(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

/** A number from 0 to `most`, whole or not. */
export function isAmount(value: unknown, most: number = Number.MAX_SAFE_INTEGER): value is number {
  return typeof value === 'number' && value >= 0 && value <= most
}

/** A worker's own name for itself: not empty, no NUL, at most `MAX_ID_BYTES` of UTF-8. */
export function isTimerId(value: unknown): value is string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_ID_BYTES) return false
  return !value.includes('\0') && Buffer.byteLength(value) <= MAX_ID_BYTES
}

const NAME = /^[\w.!~*'()%-]{1,128}$/
const PAGE = /^[\w-]{1,64}$/
const DEAD = /^([\w-]{1,64})-(0|[1-9]\d{0,2})$/
const RUN = /^[0-9a-f]{16}$/
const CAPABILITY = /^[0-9a-f]{32}$/

/** What a timer, a claim or a handle is called: one name of a path, whatever the path is in. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value) && value !== '.' && value !== '..'
}

export function isPageName(value: unknown): value is string {
  return typeof value === 'string' && PAGE.test(value)
}

/** `<page>-<index>`, as an item and its dead letter are called; undefined for any other text. */
export function parseItemId(text: string): { page: string; index: number } | undefined {
  const [, page, index] = DEAD.exec(text) ?? []
  return page === undefined ? undefined : { page, index: Number(index) }
}

export function isRunName(value: unknown): value is string {
  return typeof value === 'string' && RUN.test(value)
}

export function isCapability(value: unknown): value is string {
  return typeof value === 'string' && CAPABILITY.test(value)
}

const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether JSON is nested deeper than anybody means it: in one pass, which ends where that is certain. */
export function isTooDeep(json: Uint8Array): boolean {
  const { length } = json
  // Each level takes an opening and a closing character.
  if (length <= 2 * MAX_DEPTH) return false
  let depth = 0
  for (let at = 0; at < length; at++) {
    const code = json[at]
    if (code === QUOTE) {
      // In UTF-8 no part of a longer character is one of these.
      for (at++; at < length && json[at] !== QUOTE; at++) if (json[at] === BACKSLASH) at++
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (++depth > MAX_DEPTH) return true
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--
  }
  return false
}

/**
 * What JSON of others says.
 *
 * @throws {SyntaxError} it is none, or nested too deep
 */
export function parseJson(json: Buffer): unknown {
  if (isTooDeep(json)) throw new SyntaxError(`It is nested deeper than ${MAX_DEPTH} levels`)
  return JSON.parse(json.toString())
}

/** The same of a record that is an object; undefined where it is none, or longer than any record. */
export function parseRecord(data: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!(data instanceof Uint8Array) || data.length > MAX_RECORD_BYTES) return undefined
  try {
    const value = parseJson(Buffer.from(data.buffer, data.byteOffset, data.length))
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** An object with names, not a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text of others in a message: in full it may be megabytes. */
export function named(value: unknown): string {
  return describeValue(value).replace(/ \(string\)$/, '')
}
