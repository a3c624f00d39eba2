// The state of a page as bytes, and back. What comes from a store may have been written by anybody who may
// write there: what is let through here keeps every promise that the steps in page-state.ts rely on.

import { counts, type PageState } from './page-state'
import type { Range } from './ranges'

/** What most writes leave as it was: it is encoded once. */
const encoded = new WeakMap<object, string>()

function kept(part: object): string {
  let text = encoded.get(part)
  if (text === undefined) {
    text = JSON.stringify(part)
    encoded.set(part, text)
  }
  return text
}

/** The state as JSON. REQUIRES: what it consists of does not change any more. */
export function encodeState(state: PageState): Buffer {
  const { size, cursor, claims, retry, suspects, done, dead, revoked, consumed, fence, returned } = state
  return Buffer.from(
    `{"size":${size},"cursor":${cursor},"claims":${JSON.stringify(claims)},"retry":${kept(retry)},` +
      `"suspects":${kept(suspects)},"done":${done},"dead":${kept(dead)},"revoked":${kept(revoked)},` +
      `"consumed":${kept(consumed)},"fence":${fence},"returned":${returned}}`,
  )
}

/** The state in those bytes, or undefined where they are none. */
export function decodeState(bytes: Uint8Array): PageState | undefined {
  let state: unknown
  try {
    state = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
  } catch {
    return undefined
  }
  return isState(state) ? state : undefined
}

type Fields = Readonly<Record<string, unknown>>

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isSpan(from: unknown, to: unknown, end: number): boolean {
  return isCount(from) && isCount(to) && from < to && to <= end
}

/** Sorted, disjoint, and inside `[start, end)`. */
function areRanges(value: unknown, start: number, end: number): value is readonly Range[] {
  if (!Array.isArray(value)) return false
  let last = start
  return value.every((range: unknown) => {
    if (!Array.isArray(range) || range.length !== 2) return false
    const [from, to] = range as [unknown, unknown]
    if (!isSpan(from, to, end) || (from as number) < last) return false
    last = to as number
    return true
  })
}

function areWaiting(value: unknown, cursor: number): boolean {
  return (
    Array.isArray(value) &&
    value.every((one: unknown) => isFields(one) && isSpan(one.from, one.to, cursor) && isCount(one.attempts))
  )
}

function isClaim(value: unknown, cursor: number): boolean {
  return (
    isFields(value) &&
    isSpan(value.from, value.to, cursor) &&
    areRanges(value.settled, value.from as number, value.to as number) &&
    typeof value.token === 'string' &&
    typeof value.wid === 'string' &&
    typeof value.suspect === 'boolean' &&
    isCount(value.fence) &&
    isCount(value.attempts) &&
    isCount(value.log)
  )
}

/** What a reaped claim was. */
function isRevoked(value: unknown, cursor: number): boolean {
  return isFields(value) && typeof value.token === 'string' && areRanges(value.settled, 0, cursor)
}

function isConsumption(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every(isCount)
}

function isState(value: unknown): value is PageState {
  if (!isFields(value)) return false
  const { size, cursor, claims, retry, suspects, done, dead, revoked, consumed, fence, returned } = value
  if (![size, cursor, done, fence, returned].every(isCount)) return false
  const end = cursor as number
  const sound =
    end <= (size as number) &&
    Array.isArray(claims) &&
    claims.every((claim) => isClaim(claim, end)) &&
    new Set(claims.map(({ token }) => token)).size === claims.length &&
    areWaiting(retry, end) &&
    areWaiting(suspects, end) &&
    areRanges(dead, 0, end) &&
    Array.isArray(revoked) &&
    revoked.every((claim) => isRevoked(claim, end)) &&
    isFields(consumed) &&
    Object.values(consumed).every(isConsumption)
  return sound && isBalanced(value as unknown as PageState)
}

/** Every item is in one place: what no damaged number gets past. */
function isBalanced(state: PageState): boolean {
  const { total, ready, leased, done, dead } = counts(state)
  return ready + leased + done + dead === total
}
