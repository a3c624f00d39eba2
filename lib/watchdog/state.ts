// The state of one page of items, and every step on it, as pure functions: state in, state out,
// no I/O, no clock, no chance. A store keeps the state and changes it by compare-and-set, so a
// step is atomic wherever it runs; both stores share this code.
//
// An item of a page is always in exactly one of these places:
//
//   fresh      index >= cursor, never leased
//   leased     in a claim, and not in its settled ranges
//   retry      to be leased again, in batches
//   suspect    to be leased again, singly: its last holder died with it in hand
//   dead       out of attempts, waits for a redrive
//   done       everything else; only counted
//
// so   cursor = leased + retry + suspect + dead + done   after every step.

import type { Range } from './ranges'
import * as ranges from './ranges'

/** Items leased by one compare-and-set. */
export interface Claim {
  /** Its name: of no other claim. */
  readonly token: string
  readonly from: number
  readonly to: number
  /** The timer that holds them; when it is gone, the claim may be reaped. */
  readonly wid: string
  readonly fence: number
  /** Attempts of these items that have failed before. */
  readonly attempts: number
  readonly suspect: boolean
  /** Items of the claim that were acked, nacked or given back. */
  readonly settled: readonly Range[]
}

/** What is remembered of a reaped claim: the holder of an ambiguous answer can still be told the truth. */
export interface Revoked {
  readonly token: string
  /** What its holder had settled before. */
  readonly settled: readonly Range[]
}

/** Items that wait for another attempt. */
export interface Waiting {
  readonly from: number
  readonly to: number
  readonly attempts: number
}

export interface PageState {
  readonly size: number
  /** The first item that was never leased. */
  readonly cursor: number
  readonly claims: readonly Claim[]
  readonly retry: readonly Waiting[]
  readonly suspects: readonly Waiting[]
  readonly done: number
  readonly dead: readonly Range[]
  /** Reaped claims, newest last: what tells "acked" from "taken away" after an ambiguous answer. */
  readonly revoked: readonly Revoked[]
  /** The last consume of each handle, `[its number, the item]`, for the same purpose. */
  readonly consumed: { readonly [handle: string]: readonly [number, number] }
  /** Grows by one with every claim and consume. */
  readonly fence: number
  /** How many items have ever come back from a lease. */
  readonly returned: number
}

/** A state and what the step found out. */
export interface Outcome<R> {
  readonly state: PageState
  readonly result: R
}

export interface Taken {
  readonly token: string
  readonly from: number
  readonly to: number
  readonly attempts: number
  readonly fence: number
}

export type Settlement = 'ack' | 'nack' | 'release'

/** Where a claim may look: fresh items first, suspects last. */
export type Source = 'fresh' | 'retry' | 'suspects'
export const SOURCES: readonly Source[] = ['fresh', 'retry', 'suspects']

/** How many revoked claims a state remembers; older holders are long gone. */
export const MAX_REVOKED = 2000
/** How many handles' last consumes a state remembers. */
export const MAX_CONSUMERS = 2000

export function newState(size: number): PageState {
  return {
    size,
    cursor: 0,
    claims: [],
    retry: [],
    suspects: [],
    done: 0,
    dead: [],
    revoked: [],
    consumed: {},
    fence: 0,
    returned: 0,
  }
}

function waitingSize(list: readonly Waiting[]): number {
  return list.reduce((total, { from, to }) => total + to - from, 0)
}

export function readyIn(state: PageState, source: Source): number {
  return source === 'fresh' ? state.size - state.cursor : waitingSize(state[source])
}

export function ready(state: PageState): number {
  return SOURCES.reduce((total, source) => total + readyIn(state, source), 0)
}

function named<T extends { readonly token: string }>(claims: readonly T[], token: string): T | undefined {
  return claims.find((one) => one.token === token)
}

export function unsettled(claim: Claim): number {
  return claim.to - claim.from - ranges.size(claim.settled)
}

export function leased(state: PageState): number {
  return state.claims.reduce((total, claim) => total + unsettled(claim), 0)
}

/** Every item is done or dead. */
export function isComplete(state: PageState): boolean {
  return state.done + ranges.size(state.dead) === state.size
}

export function counts(state: PageState) {
  return {
    total: state.size,
    ready: ready(state),
    leased: leased(state),
    done: state.done,
    dead: ranges.size(state.dead),
  }
}

interface Slice {
  readonly state: PageState
  readonly from: number
  readonly to: number
  readonly attempts: number
}

/** Takes up to `max` items that stand together, or undefined where that source is empty. */
function slice(state: PageState, source: Source, max: number): Slice | undefined {
  if (source === 'fresh') {
    if (state.cursor === state.size) return undefined
    const to = Math.min(state.size, state.cursor + max)
    return { state: { ...state, cursor: to }, from: state.cursor, to, attempts: 0 }
  }
  const [first, ...rest] = state[source]
  if (first === undefined) return undefined
  const to = Math.min(first.to, first.from + (source === 'suspects' ? 1 : max))
  const left = to < first.to ? [{ ...first, from: to }, ...rest] : rest
  return { state: { ...state, [source]: left }, from: first.from, to, attempts: first.attempts }
}

/** Leases up to `max` items of `source` to `wid` under `token`. */
export function claim(
  state: PageState,
  request: { token: string; wid: string; max: number; source: Source },
): Outcome<Taken | undefined> {
  const taken = slice(state, request.source, request.max)
  if (taken === undefined) return { state, result: undefined }
  const { from, to, attempts } = taken
  const fence = state.fence + 1
  const suspect = request.source === 'suspects'
  const { token, wid } = request
  const entry: Claim = { token, from, to, wid, fence, attempts, suspect, settled: [] }
  return {
    state: { ...taken.state, fence, claims: [...state.claims, entry] },
    result: { token, from, to, attempts, fence },
  }
}

/** What an ambiguous claim came to: held, never made, or made and meanwhile revoked (which gives nothing). */
export function claimed(state: PageState, token: string): Taken | 'revoked' | undefined {
  const entry = named(state.claims, token)
  if (entry === undefined) return named(state.revoked, token) && 'revoked'
  const { from, to, attempts, fence } = entry
  return { token, from, to, attempts, fence }
}

/** Takes one item for good: leased and acked in one step. `seq` numbers the handle's consumes. */
export function consume(
  state: PageState,
  request: { handle: string; seq: number; source: Source },
): Outcome<number | undefined> {
  const taken = slice(state, request.source, 1)
  if (taken === undefined) return { state, result: undefined }
  const others = Object.entries(state.consumed).filter(([handle]) => handle !== request.handle)
  const kept = Object.fromEntries(others.slice(-(MAX_CONSUMERS - 1)))
  const consumed = { ...kept, [request.handle]: [request.seq, taken.from] as const }
  return {
    state: { ...taken.state, consumed, done: state.done + 1, fence: state.fence + 1 },
    result: taken.from,
  }
}

/** The item that consume number `seq` of `handle` took, if it was applied; `'forgotten'`: that may be off the record. */
export function consumedItem(
  state: PageState,
  handle: string,
  seq: number,
): number | 'forgotten' | undefined {
  const last = state.consumed[handle]
  if (last !== undefined) return last[0] === seq ? last[1] : undefined
  return Object.keys(state.consumed).length < MAX_CONSUMERS ? undefined : 'forgotten'
}

function addWaiting(list: readonly Waiting[], entry: Waiting): Waiting[] {
  const last = list.at(-1)
  if (last !== undefined && last.to === entry.from && last.attempts === entry.attempts) {
    return [...list.slice(0, -1), { ...last, to: entry.to }]
  }
  return [...list, entry]
}

/** The claim without one more item; gone with its last one. */
function withoutItem(state: PageState, entry: Claim, index: number): PageState {
  const shrunk = { ...entry, settled: ranges.add(entry.settled, index, index + 1) }
  const claims =
    unsettled(shrunk) === 0
      ? state.claims.filter((one) => one !== entry)
      : state.claims.map((one) => (one === entry ? shrunk : one))
  return { ...state, claims }
}

/** The claim that still holds `index` under `token`. */
export function holder(state: PageState, token: string, index: number): Claim | undefined {
  const entry = named(state.claims, token)
  if (entry === undefined || index < entry.from || index >= entry.to) return undefined
  return ranges.has(entry.settled, index) ? undefined : entry
}

/**
 * Ends one lease. `'lost'`: it is not held (any more), and nothing changed. `'dead'`: that nack was the
 * last attempt; its dead letter must be on record before this state is.
 */
export function settle(
  state: PageState,
  request: { token: string; index: number; as: Settlement; maxAttempts: number },
): Outcome<'settled' | 'dead' | 'lost'> {
  const { token, index } = request
  const entry = holder(state, token, index)
  if (entry === undefined) return { state, result: 'lost' }
  const rest = withoutItem(state, entry, index)
  if (request.as === 'ack') return { state: { ...rest, done: state.done + 1 }, result: 'settled' }
  const returned = state.returned + 1
  if (request.as === 'release') {
    const list = entry.suspect ? 'suspects' : 'retry'
    const back = { from: index, to: index + 1, attempts: entry.attempts }
    return { state: { ...rest, returned, [list]: addWaiting(state[list], back) }, result: 'settled' }
  }
  const attempts = entry.attempts + 1
  if (attempts >= request.maxAttempts) {
    return { state: { ...rest, dead: ranges.add(state.dead, index, index + 1) }, result: 'dead' }
  }
  const retry = addWaiting(state.retry, { from: index, to: index + 1, attempts })
  return { state: { ...rest, returned, retry }, result: 'settled' }
}

/**
 * Whether an ambiguous settlement was applied: nobody but the holder settles, so settled means by it.
 * `'forgotten'`: the claim is gone, and that it was taken away may be off the record.
 */
export function wasSettled(state: PageState, token: string, index: number): boolean | 'forgotten' {
  const entry = named(state.claims, token) ?? named(state.revoked, token)
  if (entry !== undefined) return ranges.has(entry.settled, index)
  // A claim that ended by itself ended with its last item.
  return state.revoked.length < MAX_REVOKED ? true : 'forgotten'
}

export interface Reaped {
  /** How many items came back. */
  readonly returned: number
  /** Items that are out of attempts, with the timer that died last. Their letters go on record first. */
  readonly dead: readonly { readonly index: number; readonly attempts: number; readonly wid: string }[]
}

/**
 * Takes back what timers that are gone hold. A claim of one item counts as a failed attempt of that
 * item; of a longer claim nobody knows which item was in hand, so all become suspects, uncounted.
 */
export function reap(
  state: PageState,
  request: { isGone: (wid: string) => boolean; maxAttempts: number },
): Outcome<Reaped> {
  let { suspects, dead, returned } = state
  const claims: Claim[] = []
  const revoked: Revoked[] = []
  const letters: { index: number; attempts: number; wid: string }[] = []
  for (const entry of state.claims) {
    if (!request.isGone(entry.wid)) {
      claims.push(entry)
      continue
    }
    revoked.push({ token: entry.token, settled: entry.settled })
    const attempts = entry.attempts + (entry.to - entry.from === 1 ? 1 : 0)
    for (const [from, to] of ranges.gaps(entry.settled, entry.from, entry.to)) {
      if (attempts >= request.maxAttempts) {
        for (let index = from; index < to; index++) letters.push({ index, attempts, wid: entry.wid })
        dead = ranges.add(dead, from, to)
      } else {
        suspects = addWaiting(suspects, { from, to, attempts })
        returned += to - from
      }
    }
  }
  const result = { returned: returned - state.returned, dead: letters }
  if (revoked.length === 0) return { state, result }
  const remembered = [...state.revoked, ...revoked].slice(-MAX_REVOKED)
  return { state: { ...state, claims, suspects, dead, returned, revoked: remembered }, result }
}

/** Gives dead items a new life with all attempts ahead; those that are not dead stay as they are. */
export function redrive(state: PageState, indexes: readonly number[]): Outcome<number> {
  let { dead, retry } = state
  let revived = 0
  for (const index of indexes) {
    if (!ranges.has(dead, index)) continue
    dead = ranges.remove(dead, index, index + 1)
    retry = addWaiting(retry, { from: index, to: index + 1, attempts: 0 })
    revived++
  }
  return { state: revived === 0 ? state : { ...state, dead, retry }, result: revived }
}
