// The state of a page as bytes, and back. What comes from a store may have been written by anybody who may
// write there: what is let through here keeps every promise that the steps in page-state.ts rely on.

import {
  isAmount,
  isCount,
  isName,
  isRecord,
  MAX_ATTEMPTS,
  MAX_PAGE_ITEMS,
  MAX_TIME_MS,
  parseRecord,
} from '../../util/bounds'
import { counts, MAX_CONSUMERS, MAX_REVOKED, type PageState } from './page-state'
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
  const { size, cursor, claims, retry, suspects, delayed, done, dead, revoked, consumed, fence, returned } =
    state
  // Left out where there are none: such a state is one that older versions know.
  const late = delayed.length === 0 ? '' : `,"delayed":${kept(delayed)}`
  const failed = state.failed === 0 ? '' : `,"failed":${state.failed}`
  return Buffer.from(
    `{"size":${size},"cursor":${cursor},"claims":${JSON.stringify(claims)},"retry":${kept(retry)},` +
      `"suspects":${kept(suspects)},"done":${done},"dead":${kept(dead)},"revoked":${kept(revoked)},` +
      `"consumed":${kept(consumed)},"fence":${fence},"returned":${returned}${failed}${late}}`,
  )
}

/** The state in those bytes, or undefined where they are none. */
export function decodeState(bytes: Uint8Array): PageState | undefined {
  const state = parseRecord(bytes)
  if (state === undefined || !isState(state)) return undefined
  return complete(state as unknown as Decoded)
}

/** Of the number of a claim in its holder's log: 32 bits. */
const MAX_LOG = 2 ** 32 - 1

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
    value.every(
      (one: unknown) =>
        isRecord(one) && isSpan(one.from, one.to, cursor) && isCount(one.attempts, MAX_ATTEMPTS),
    )
  )
}

/** Sorted by their time. */
function areDelayed(value: unknown, cursor: number): boolean {
  if (value === undefined) return true
  if (!areWaiting(value, cursor)) return false
  let last = 0
  return (value as readonly { until?: unknown }[]).every(({ until }) => {
    if (!isAmount(until, MAX_TIME_MS) || until < last) return false
    last = until
    return true
  })
}

function isClaim(value: unknown, cursor: number): boolean {
  return (
    isRecord(value) &&
    isSpan(value.from, value.to, cursor) &&
    areRanges(value.settled, value.from as number, value.to as number) &&
    isName(value.token) &&
    isName(value.wid) &&
    typeof value.suspect === 'boolean' &&
    isCount(value.fence) &&
    isCount(value.attempts, MAX_ATTEMPTS) &&
    isCount(value.log, MAX_LOG)
  )
}

/** What a reaped claim was. */
function isRevoked(value: unknown, cursor: number): boolean {
  return isRecord(value) && isName(value.token) && areRanges(value.settled, 0, cursor)
}

/** Who took which item last, for good. */
function areConsumed(value: unknown, cursor: number): boolean {
  if (!isRecord(value)) return false
  const entries = Object.entries(value)
  return (
    entries.length <= MAX_CONSUMERS &&
    entries.every(([handle, last]) => {
      if (!isName(handle) || !Array.isArray(last) || last.length !== 2) return false
      return isCount(last[0]) && isCount(last[1]) && last[1] < cursor
    })
  )
}

type LeftOut = 'delayed' | 'failed'
type Decoded = Omit<PageState, LeftOut> & Partial<Pick<PageState, LeftOut>>

/** With what was left out. */
function complete(state: Decoded): PageState {
  const { delayed, failed } = state
  if (delayed !== undefined && failed !== undefined) return state as PageState
  return { ...state, delayed: delayed ?? [], failed: failed ?? 0 }
}

function isState(value: Readonly<Record<string, unknown>>): boolean {
  const { size, cursor, claims, retry, suspects, delayed, done, dead, revoked, consumed, fence, returned } =
    value
  const failed = value.failed === undefined ? 0 : value.failed
  if (![cursor, done, fence, returned, failed].every((count) => isCount(count))) return false
  if (!isCount(size, MAX_PAGE_ITEMS)) return false
  const end = cursor as number
  const sound =
    end <= size &&
    Array.isArray(claims) &&
    claims.length <= end &&
    claims.every((claim) => isClaim(claim, end)) &&
    new Set(claims.map(({ token }) => token)).size === claims.length &&
    areWaiting(retry, end) &&
    areWaiting(suspects, end) &&
    areDelayed(delayed, end) &&
    areRanges(dead, 0, end) &&
    Array.isArray(revoked) &&
    revoked.length <= MAX_REVOKED &&
    revoked.every((claim) => isRevoked(claim, end)) &&
    areConsumed(consumed, end)
  if (!sound) return false
  return isBalanced(complete(value as unknown as Decoded))
}

/** Every item is in one place: what no damaged number gets past. */
function isBalanced(state: PageState): boolean {
  const { total, ready, delayed, leased, done, dead } = counts(state)
  return ready + delayed + leased + done + dead === total
}
