// How values read as text: a status on one line that does nothing but show, cut to a width in columns; an age in
// a few characters.

import type { JsonValue, Status } from '../scoreboard/types'
import { escapeControls, isPlain } from './escape-controls'
import { graphemes, textWidth } from './text-width'

export { escapeControls }

let collator: Intl.Collator | undefined

/** Names in the order that people expect: web-10 comes after web-9. */
export function byNumberedName(a: string, b: string): number {
  // Takes milliseconds to make, which a program that never sorts does not wait for.
  collator ??= new Intl.Collator('en', { numeric: true })
  return collator.compare(a, b)
}

const MAX_COLUMNS = 4096

/** The first `columns` columns of `text`, the last one an ellipsis where something was cut off. */
export function cut(text: string, columns: number): string {
  if (isPlain(text) && text.length <= columns) return text

  let used = 0
  let end = 0
  for (const { segment, index } of graphemes(text)) {
    used += textWidth(segment)
    if (used > columns) return columns < 1 ? '' : `${text.slice(0, end)}…`
    if (used < columns) end = index + segment.length
  }
  return text
}

/**
 * A status as a table shows it: text as it is, JSON as JSON, bytes in hexadecimal; at most
 * `columns` columns wide, never more than 4096.
 */
export function statusText(status: Status | undefined, columns: number): string {
  // Only the beginning can show, and a status may be megabytes of combining marks.
  const room = Math.min(columns, MAX_COLUMNS)
  return cut(escapeControls(rawText(status, room * 8).slice(0, room * 8)), room)
}

function rawText(status: Status | undefined, most: number): string {
  if (status === undefined) return '(no update yet)'
  if (typeof status === 'string') return status
  if (status instanceof Uint8Array) {
    const start = Buffer.from(status.buffer, status.byteOffset, Math.min(status.byteLength, most))
    return `<${status.byteLength} bytes> ${start.toString('hex')}`
  }
  return JSON.stringify(isObject(status) ? shortFirst(status) : status)
}

function isObject(status: Status): status is { readonly [key: string]: JsonValue | undefined } {
  return typeof status === 'object' && status !== null && !Array.isArray(status)
}

const LONG_FIELD = 40

/** One line shows the beginning only: a long field is no reason not to show the short ones behind it. */
function shortFirst(status: { readonly [key: string]: JsonValue | undefined }): object {
  const isLong = ([, value]: [string, unknown]) =>
    (typeof value === 'object' && value !== null) || (typeof value === 'string' && value.length > LONG_FIELD)
  const fields = Object.entries(status)
  return Object.fromEntries([...fields.filter((field) => !isLong(field)), ...fields.filter(isLong)])
}

/** Longer JSON is not indented: that may make a thousand bytes of one, where it is deep. */
const MAX_INDENTED_LENGTH = 128 * 1024

/** JSON on many lines, unless it is longer than anybody reads. */
export function indentedJson(value: unknown, indent = 2): string {
  const text = JSON.stringify(value)
  return text === undefined || text.length > MAX_INDENTED_LENGTH
    ? text
    : JSON.stringify(value, undefined, indent)
}

/** A moment, in milliseconds since the Unix epoch, as ISO 8601 has it; others may have made it up. */
export function timeText(at: number): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? '(no time)' : date.toISOString()
}

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
]

/** `0.3s`, `12s`, `5m03s`, `2h04m`, `3d04h`: a duration in at most six columns, up to 999 days. */
export function ageText(ms: number | undefined): string {
  if (ms === undefined) return '-'
  if (ms < 10_000) return `${(Math.max(0, ms) / 1000).toFixed(1)}s`

  const first = UNITS.findIndex(([unit]) => ms >= unit)
  const [size, name] = UNITS[first]!
  const whole = `${Math.floor(ms / size)}${name}`
  const smaller = UNITS[first + 1]
  if (!smaller) return whole
  return whole + String(Math.floor((ms % size) / smaller[0])).padStart(2, '0') + smaller[1]
}
