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
//   delayed    not to be leased before its time, by the clock of the store, which callers pass in
//   dead       out of attempts, waits for a redrive
//   done       everything else; only counted
//
// so   cursor = leased + retry + suspect + delayed + dead + done   after every step.

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
  /** Items that were acked, nacked or given back; and those between, that the claim never had. */
  readonly settled: readonly Range[]
  /**
   * Not 0: its items are done one after the other, and the acks of the first ones are on record under this
   * number in the holder's log (store/local/ack-logs.ts), not here.
   */
  readonly log: number
}

/** How many acks of a claim are on record in the log of its holder. */
export type Logged = (claim: Claim) => number

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

/** Items that wait for their time. */
export interface Delayed extends Waiting {
  /** Not to be leased before, in milliseconds by the clock of the store. */
  readonly until: number
}

export interface PageState {
  readonly size: number
  /** The first item that was never leased. */
  readonly cursor: number
  readonly claims: readonly Claim[]
  readonly retry: readonly Waiting[]
  readonly suspects: readonly Waiting[]
  /** Those that are due first come first. */
  readonly delayed: readonly Delayed[]
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
  /** How many attempts have ever failed: by a nack, or because the holder of that item died. */
  readonly failed: number
}

/** A state and what the step found out. */
export interface Outcome<R> {
  readonly state: PageState
  readonly result: R
}

export interface Taken {
  readonly token: string
  readonly items: readonly Range[]
  readonly attempts: number
  readonly fence: number
}

/** How a lease ends where its work was not done. */
export type Setback = 'nack' | 'release'

/** Where a claim may look: fresh items first, suspects last. */
export type Source = 'fresh' | 'retry' | 'suspects'
export const SOURCES: readonly Source[] = ['fresh', 'retry', 'suspects']

/** How many revoked claims a state remembers; older holders are long gone. */
export const MAX_REVOKED = 2000
/** How many handles' last consumes a state remembers. */
export const MAX_CONSUMERS = 2000

/** `until`: none of the items is to be leased before. */
export function newState(size: number, until?: number): PageState {
  return {
    size,
    cursor: until === undefined ? 0 : size,
    claims: [],
    retry: [],
    suspects: [],
    delayed: until === undefined || size === 0 ? [] : [{ from: 0, to: size, attempts: 0, until }],
    done: 0,
    dead: [],
    revoked: [],
    consumed: {},
    fence: 0,
    returned: 0,
    failed: 0,
  }
}

/** In place of a page that was done and taken away: no step changes it, and nothing is known of what it was. */
export const GONE: PageState = newState(0)

/**
 * That state with some fields changed. Written out, so that all states have one hidden class: copies by spread
 * have many, and the engine makes each of those field by field, which took longer than all the rest of a step.
 */
function changed(state: PageState, changes: Partial<PageState>): PageState {
  return {
    size: changes.size ?? state.size,
    cursor: changes.cursor ?? state.cursor,
    claims: changes.claims ?? state.claims,
    retry: changes.retry ?? state.retry,
    suspects: changes.suspects ?? state.suspects,
    delayed: changes.delayed ?? state.delayed,
    done: changes.done ?? state.done,
    dead: changes.dead ?? state.dead,
    revoked: changes.revoked ?? state.revoked,
    consumed: changes.consumed ?? state.consumed,
    fence: changes.fence ?? state.fence,
    returned: changes.returned ?? state.returned,
    failed: changes.failed ?? state.failed,
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

/** At that time, by the clock of the store: a delayed item that is due is ready. */
export function counts(state: PageState, now = 0) {
  const delayed = waitingSize(state.delayed.filter(({ until }) => until > now))
  const dead = ranges.size(state.dead)
  return {
    total: state.size,
    ready: ready(state) + waitingSize(state.delayed) - delayed,
    delayed,
    leased: leased(state),
    done: state.done,
    dead,
    failed: state.failed,
    // All but those that were the last of their item.
    retried: Math.max(0, state.failed - dead),
  }
}

/** When the first delayed item is due; undefined where there is none. */
export function nextDue(state: PageState): number | undefined {
  return state.delayed[0]?.until
}

/** Items with as many attempts behind them, and what the page's sources are without them. */
interface Slice extends Pick<PageState, 'cursor' | 'retry' | 'suspects'> {
  readonly items: readonly Range[]
  readonly attempts: number
}

/** Takes up to `max` items, or undefined where that source is empty. `isOne`: that stand together. */
function slice(state: PageState, source: Source, max: number, isOne?: boolean): Slice | undefined {
  const { size, cursor, retry, suspects } = state
  if (source === 'fresh') {
    if (cursor === size) return undefined
    const to = Math.min(size, cursor + max)
    return { cursor: to, retry, suspects, items: [[cursor, to]], attempts: 0 }
  }
  const list = state[source]
  const attempts = list[0]?.attempts
  if (attempts === undefined) return undefined
  let items: Range[] = []
  let rest = list
  let more = source === 'suspects' ? 1 : max
  for (let next = rest[0]; more > 0 && next?.attempts === attempts; next = rest[0]) {
    const { from, to } = next
    const end = Math.min(to, from + more)
    items = ranges.add(items, from, end)
    rest = rest.slice(1)
    if (end < to) rest = [{ from: end, to, attempts }, ...rest]
    more = isOne ? 0 : more - (end - from)
  }
  if (source === 'retry') return { cursor, retry: rest, suspects, items, attempts }
  return { cursor, retry, suspects: rest, items, attempts }
}

/** Leases up to `max` items of `source` to `wid` under `token`. `log`: see `Claim`; default 0. */
export function claim(
  state: PageState,
  request: { token: string; wid: string; max: number; source: Source; log?: number },
): Outcome<Taken | undefined> {
  const { token, wid, max, source, log = 0 } = request
  const taken = slice(state, source, max, log !== 0)
  if (taken === undefined) return { state, result: undefined }
  const { cursor, retry, suspects, items, attempts } = taken
  const fence = state.fence + 1
  const suspect = source === 'suspects'
  const [from, to] = [items[0]![0], items.at(-1)![1]]
  const settled = ranges.gaps(items, from, to)
  const entry: Claim = { token, from, to, wid, fence, attempts, suspect, settled, log }
  return {
    state: changed(state, { cursor, retry, suspects, fence, claims: [...state.claims, entry] }),
    result: { token, items, attempts, fence },
  }
}

/** What an ambiguous claim came to: held, never made, or made and meanwhile revoked (which gives nothing). */
export function claimed(state: PageState, token: string): Taken | 'revoked' | undefined {
  const entry = named(state.claims, token)
  if (entry === undefined) return named(state.revoked, token) && 'revoked'
  const { from, to, settled, attempts, fence } = entry
  return { token, items: ranges.gaps(settled, from, to), attempts, fence }
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
  const { cursor, retry, suspects, items } = taken
  const from = items[0]![0]
  const consumed = { ...kept, [request.handle]: [request.seq, from] as const }
  const changes = { cursor, retry, suspects, consumed, done: state.done + 1, fence: state.fence + 1 }
  return { state: changed(state, changes), result: from }
}

/** The item that consume number `seq` of `handle` took, if it was applied; `'forgotten'`: that may be off the record. */
export function consumedItem(
  state: PageState,
  handle: string,
  seq: number,
): number | 'forgotten' | undefined {
  if (state === GONE) return 'forgotten'
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

/** Behind all that is due at the same time or before. */
function addDelayed(list: readonly Delayed[], entry: Delayed): Delayed[] {
  const at = list.findIndex(({ until }) => until > entry.until)
  const before = at < 0 ? list : list.slice(0, at)
  const last = before.at(-1)
  const after = at < 0 ? [] : list.slice(at)
  if (last?.until === entry.until && last.to === entry.from && last.attempts === entry.attempts) {
    return [...before.slice(0, -1), { ...last, to: entry.to }, ...after]
  }
  return [...before, entry, ...after]
}

/** What is due by then waits like all others. */
export function wake(state: PageState, now: number): PageState {
  const due = state.delayed.filter(({ until }) => until <= now)
  if (due.length === 0) return state
  let { retry } = state
  for (const { from, to, attempts } of due) retry = addWaiting(retry, { from, to, attempts })
  return changed(state, { retry, delayed: state.delayed.slice(due.length) })
}

/**
 * Adds items at the end, until there are `size`; those that are new wait until then, where `until` is given. False:
 * it is complete, so that somebody may be about to close it; or its new items would overtake fresh ones.
 */
export function grow(state: PageState, { size, until }: { size: number; until?: number }): Outcome<boolean> {
  if (state.size >= size) return { state, result: true }
  if (isComplete(state)) return { state, result: false }
  if (until === undefined) return { state: changed(state, { size }), result: true }
  if (state.cursor < state.size) return { state, result: false }
  const delayed = addDelayed(state.delayed, { from: state.size, to: size, attempts: 0, until })
  return { state: changed(state, { size, cursor: size, delayed }), result: true }
}

/** All claims, but that one with more of its items settled, and gone with the last. */
function withSettled(state: PageState, entry: Claim, settled: readonly Range[], log = entry.log): Claim[] {
  const { token, from, to, wid, fence, attempts, suspect } = entry
  const shrunk: Claim = { token, from, to, wid, fence, attempts, suspect, settled, log }
  return unsettled(shrunk) === 0
    ? state.claims.filter((one) => one !== entry)
    : state.claims.map((one) => (one === entry ? shrunk : one))
}

function isIn(claim: Claim, index: number): boolean {
  return index >= claim.from && index < claim.to
}

/** The claim that still holds `index` under `token`. */
export function holder(state: PageState, token: string, index: number): Claim | undefined {
  const entry = named(state.claims, token)
  if (entry === undefined || !isIn(entry, index)) return undefined
  return ranges.has(entry.settled, index) ? undefined : entry
}

/**
 * Ends leases of one claim whose work is done. The result: those that are not held (any more), of which
 * nothing changed.
 */
export function ack(
  state: PageState,
  request: { token: string; indexes: readonly number[] },
): Outcome<readonly number[]> {
  const { token, indexes } = request
  const entry = named(state.claims, token)
  if (entry === undefined) return { state, result: indexes }
  const lost: number[] = []
  let { settled } = entry
  for (const index of indexes) {
    if (!isIn(entry, index) || ranges.has(settled, index)) lost.push(index)
    else settled = ranges.add(settled, index, index + 1)
  }
  const acked = indexes.length - lost.length
  if (acked === 0) return { state, result: lost }
  const claims = withSettled(state, entry, settled)
  return { state: changed(state, { claims, done: state.done + acked }), result: lost }
}

/**
 * Ends one lease whose work was not done. `'lost'`: it is not held (any more), and nothing changed. `'dead'`:
 * that nack was the last attempt; its dead letter must be on record before this state is. `until`: an item that was
 * nacked is not leased again before.
 */
export function settle(
  state: PageState,
  request: { token: string; index: number; as: Setback; maxAttempts: number; until?: number },
): Outcome<'settled' | 'dead' | 'lost'> {
  const { token, index } = request
  const entry = holder(state, token, index)
  if (entry === undefined) return { state, result: 'lost' }
  const claims = withSettled(state, entry, ranges.add(entry.settled, index, index + 1))
  const returned = state.returned + 1
  if (request.as === 'release') {
    const list = entry.suspect ? 'suspects' : 'retry'
    const back = { from: index, to: index + 1, attempts: entry.attempts }
    const changes = { claims, returned, [list]: addWaiting(state[list], back) }
    return { state: changed(state, changes), result: 'settled' }
  }
  const attempts = entry.attempts + 1
  const failed = state.failed + 1
  if (attempts >= request.maxAttempts) {
    const dead = ranges.add(state.dead, index, index + 1)
    return { state: changed(state, { claims, dead, failed }), result: 'dead' }
  }
  const back = { from: index, to: index + 1, attempts }
  if (request.until !== undefined) {
    const delayed = addDelayed(state.delayed, { ...back, until: request.until })
    return { state: changed(state, { claims, returned, failed, delayed }), result: 'settled' }
  }
  const retry = addWaiting(state.retry, back)
  return { state: changed(state, { claims, returned, failed, retry }), result: 'settled' }
}

/**
 * Whether an ambiguous settlement was applied: nobody but the holder settles, so settled means by it.
 * `'forgotten'`: the claim is gone, and that it was taken away may be off the record.
 */
export function wasSettled(state: PageState, token: string, index: number): boolean | 'forgotten' {
  const entry = named(state.claims, token) ?? named(state.revoked, token)
  if (entry !== undefined) return ranges.has(entry.settled, index)
  if (state === GONE) return 'forgotten'
  // A claim that ended by itself ended with its last item.
  return state.revoked.length < MAX_REVOKED ? true : 'forgotten'
}

/** The first `acked` items of a claim are done, whatever the state says. */
function withAcked(state: PageState, entry: Claim, acked: number): PageState {
  const settled = ranges.add(entry.settled, entry.from, entry.from + acked)
  const done = state.done + ranges.size(settled) - ranges.size(entry.settled)
  return done === state.done ? state : changed(state, { claims: withSettled(state, entry, settled), done })
}

/** Takes what the logs of the holders say into the state. */
export function fold(state: PageState, logged: Logged): PageState {
  let folded = state
  for (const entry of state.claims) {
    if (entry.log === 0) continue
    folded = withAcked(folded, entry, Math.min(logged(entry), entry.to - entry.from))
  }
  return folded
}

/** Gives back what nobody has in hand of a claim: from `from` on. The attempts do not count. */
function giveBack(state: PageState, entry: Claim, from: number, log: number): Outcome<number> {
  const list = entry.suspect ? 'suspects' : 'retry'
  let waiting = state[list]
  let released = 0
  for (const [start, end] of from < entry.to ? ranges.gaps(entry.settled, from, entry.to) : []) {
    waiting = addWaiting(waiting, { from: start, to: end, attempts: entry.attempts })
    released += end - start
  }
  if (released === 0 && log === entry.log) return { state, result: 0 }
  const settled = released === 0 ? entry.settled : ranges.add(entry.settled, from, entry.to)
  const claims = withSettled(state, entry, settled, log)
  const returned = state.returned + released
  return { state: changed(state, { claims, [list]: waiting, returned }), result: released }
}

/**
 * By the holder: the acks of that claim are in the state from now on, the first `acked` with this step; what
 * comes after the first `kept` is given back. The result: how many those were. It always changes a claim that
 * is there and has a log, so that no other's step on it, which may have read the log before, succeeds.
 */
export function endLog(
  state: PageState,
  request: { token: string; acked: number; kept: number },
): Outcome<number> {
  const { token, acked, kept } = request
  const folded = fold(state, (entry) => (entry.token === token ? acked : 0))
  const entry = named(folded.claims, token)
  return entry === undefined ? { state: folded, result: 0 } : giveBack(folded, entry, entry.from + kept, 0)
}

/**
 * For a worker that has nothing to do: gives back what holders with a log have claimed and cannot have in hand. That is
 * all but the item after the last that they have acked.
 */
export function takeUnhanded(state: PageState, logged: Logged): Outcome<number> {
  let taken = 0
  let rest = state
  for (const entry of state.claims) {
    if (entry.log === 0) continue
    const outcome = giveBack(rest, entry, entry.from + logged(entry) + 1, entry.log)
    rest = outcome.state
    taken += outcome.result
  }
  return { state: rest, result: taken }
}

export interface Reaped {
  /** How many items came back. */
  readonly returned: number
  /** Items that are out of attempts, with the timer that died last. Their letters go on record first. */
  readonly dead: readonly { readonly index: number; readonly attempts: number; readonly wid: string }[]
}

/**
 * Takes back what timers that are gone hold. A claim of one item counts as a failed attempt of that
 * item; of a longer claim nobody knows which item was in hand, so all become suspects, uncounted. Where
 * the acks were logged, and are folded in, it was the first that is left, and the others never were.
 */
export function reap(
  state: PageState,
  request: { isGone: (wid: string) => boolean; maxAttempts: number },
): Outcome<Reaped> {
  let { suspects, retry, dead, returned, failed } = state
  const claims: Claim[] = []
  const revoked: Revoked[] = []
  const letters: { index: number; attempts: number; wid: string }[] = []
  const back = (entry: Claim, from: number, to: number, failures: number) => {
    const attempts = entry.attempts + failures
    failed += failures
    if (attempts >= request.maxAttempts) {
      for (let index = from; index < to; index++) letters.push({ index, attempts, wid: entry.wid })
      dead = ranges.add(dead, from, to)
      return
    }
    suspects = addWaiting(suspects, { from, to, attempts })
    returned += to - from
  }
  for (const entry of state.claims) {
    if (!request.isGone(entry.wid)) {
      claims.push(entry)
      continue
    }
    revoked.push({ token: entry.token, settled: entry.settled })
    const left = ranges.gaps(entry.settled, entry.from, entry.to)
    if (entry.log === 0) {
      for (const [from, to] of left) back(entry, from, to, entry.to - entry.from === 1 ? 1 : 0)
      continue
    }
    const inHand = left[0]![0]
    back(entry, inHand, inHand + 1, 1)
    for (const [from, to] of ranges.remove(left, inHand, inHand + 1)) {
      retry = addWaiting(retry, { from, to, attempts: entry.attempts })
      returned += to - from
    }
  }
  const result = { returned: returned - state.returned, dead: letters }
  if (revoked.length === 0) return { state, result }
  const remembered = [...state.revoked, ...revoked].slice(-MAX_REVOKED)
  return {
    state: changed(state, { claims, suspects, retry, dead, returned, failed, revoked: remembered }),
    result,
  }
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
  return { state: revived === 0 ? state : changed(state, { dead, retry }), result: revived }
}
