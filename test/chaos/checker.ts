// Does a history keep the promises of the queue? Pure: the history goes in, the broken promises come
// out, one sentence each.

import type { HistoryRecord, Recorded } from './history'

export interface Promises {
  /** Whether only a killed process may be reported as died (a session may also expire without a death). */
  deathIsCertain: boolean
  /** A killed worker may be shown as alive for this long, in milliseconds, not counting faults that hide it. */
  aliveAfterDeathMs: number
}

type Of<Op extends HistoryRecord['op']> = Recorded & { op: Op }

export class Account {
  readonly #byOp = new Map<string, Recorded[]>()

  constructor(history: readonly Recorded[]) {
    for (const record of history) {
      const list = this.#byOp.get(record.op)
      if (list === undefined) this.#byOp.set(record.op, [record])
      else list.push(record)
    }
  }

  all<Op extends HistoryRecord['op']>(op: Op): Of<Op>[] {
    return (this.#byOp.get(op) ?? []) as Of<Op>[]
  }

  items(op: 'adding' | 'added' | 'refused'): Set<string> {
    return new Set(this.all(op).flatMap(({ items }) => items))
  }
}

export function check(history: readonly Recorded[], promises: Promises): string[] {
  const account = new Account(history)
  return [
    ...checkItems(account),
    ...checkFences(account),
    ...checkDone(account),
    ...checkDeaths(account, promises),
    ...checkTimes(account),
    ...checkPriorities(account),
    ...checkResults(account),
    ...checkFollowers(account),
  ]
}

/** Every added item is done or dead, once; what was never added does not turn up. */
function* checkItems(account: Account): Generator<string> {
  const result = account.all('result').at(-1)
  if (result === undefined) {
    yield 'The round did not come to its end'
    return
  }
  const begun = account.items('adding')
  const added = account.items('added')
  for (const item of account.items('refused')) begun.delete(item)
  const acks = new Map<string, number>()
  for (const { item } of account.all('acked')) acks.set(item, (acks.get(item) ?? 0) + 1)
  for (const [item, times] of acks) if (times > 1) yield `${item} was acked ${times} times`

  // An ack without an answer may or may not have happened.
  const answered = new Set([...account.all('acked'), ...account.all('lost')].map(leaseOf))
  const perhaps = new Set<string>()
  for (const ack of account.all('acking')) if (!answered.has(leaseOf(ack))) perhaps.add(ack.item)
  const dead = new Set(result.deadItems)
  for (const item of added) {
    if (!acks.has(item) && !perhaps.has(item) && !dead.has(item)) yield `${item} was added and is lost`
  }
  for (const item of dead) {
    if (acks.has(item)) yield `${item} was acked and is a dead letter`
    if (!begun.has(item)) yield `${item} is a dead letter and was never added`
  }
  for (const { item } of account.all('leased')) {
    if (!begun.has(item)) yield `${item} was leased and was never added`
  }
  if (result.done + result.dead !== result.total)
    yield `${result.total} items, but ${result.done} are done and ${result.dead} dead`
  if (result.dead !== dead.size)
    yield `${result.dead} items are dead, and there are ${dead.size} dead letters`
  if (result.total < added.size || result.total > begun.size)
    yield `${result.total} items, where ${added.size} to ${begun.size} were added`
  const atMost = new Set([...acks.keys(), ...perhaps]).size
  if (result.done < acks.size || result.done > atMost)
    yield `${result.done} items are done, where ${acks.size} to ${atMost} were acked`
}

/** Clocks of one machine, read by several processes. */
const CLOCK_MS = 5

/** Nothing is leased before its time, neither what was added with a delay nor what was nacked with one. */
function* checkTimes(account: Account): Generator<string> {
  const notBefore = new Map<string, number>()
  for (const { items, delayMs = 0, t } of account.all('adding')) {
    if (delayMs > 0) for (const item of items) notBefore.set(item, t + delayMs)
  }
  const nacks = new Map(account.all('nacking').map((nack) => [leaseOf(nack), nack]))
  const known = new Set(account.all('gave-back').map(({ timer, item }) => `${timer}\0${item}`))
  for (const lease of account.all('leased')) {
    const due = notBefore.get(lease.item)
    if (due !== undefined && lease.t < due - CLOCK_MS)
      yield `${lease.item} was leased ${Math.round(due - lease.t)} ms before its time`
    const nack = nacks.get(leaseOf(lease))
    // One without an answer may not have happened, and the item have come back for another reason.
    const isKnown = nack !== undefined && known.has(`${nack.timer}\0${nack.item}`)
    if (isKnown && nack.delayMs > 0) notBefore.set(lease.item, nack.t + nack.delayMs)
    else notBefore.delete(lease.item)
  }
}

/** Longer than all that may hold an item up here: a worker that died with it, or was stopped with others in hand. */
const OVERTAKEN_MS = 15_000

/** Nothing of a lower priority is taken while something higher was ready for long. */
function* checkPriorities(account: Account): Generator<string> {
  const priorities = new Map<string, number>()
  const readyAt = new Map<string, number>()
  const delays = new Map<string, number>()
  for (const { items, priority = 0, delayMs = 0 } of account.all('adding')) {
    for (const item of items) {
      priorities.set(item, priority)
      delays.set(item, delayMs)
    }
  }
  for (const { items, t } of account.all('added')) {
    for (const item of items) readyAt.set(item, t + (delays.get(item) ?? 0))
  }
  const waiting = new Map([...readyAt].filter(([item]) => (priorities.get(item) ?? 0) > 0))
  /** When something of that priority was last leased: what stands behind it there waits for it. */
  const lastOf = new Map<number, number>()
  for (const { item, askedAt, t } of account.all('leased')) {
    waiting.delete(item)
    const priority = priorities.get(item) ?? 0
    lastOf.set(priority, t)
    for (const [other, since] of waiting) {
      const of = priorities.get(other)!
      const ahead = [...lastOf].filter(([level]) => level >= of).map(([, at]) => at)
      if (of > priority && askedAt - Math.max(since, ...ahead) > OVERTAKEN_MS)
        yield `${item} was leased while ${other}, which has a higher priority, was ready for long`
    }
  }
}

/** Each item that is done has one result: of the lease that was acked. */
function* checkResults(account: Account): Generator<string> {
  const record = account.all('results').at(-1)
  if (record === undefined) return
  const found = new Map<string, string>()
  for (const [item, result] of record.results) {
    if (found.has(item)) yield `${item} has two results`
    found.set(item, result)
    if (!result.startsWith(`${item} `)) yield `${item} has the result of another: ${result}`
  }
  for (const { item, fence, timer } of account.all('acked')) {
    const result = found.get(item)
    if (result === undefined) yield `${item} was acked and has no result`
    else if (result !== `${item} ${fence} ${timer}`)
      yield `${item} was acked with another result than ${result}`
  }
  const done = account.all('result').at(-1)?.done
  if (done !== undefined && found.size !== done)
    yield `${done} items are done, and ${found.size} have results`
}

/** Nothing of the queue that comes after is leased before all is done here. */
function* checkFollowers(account: Account): Generator<string> {
  const first = account.all('followed')[0]
  if (first === undefined) return
  // One of a worker that was overtaken, and is told so, may come at any time.
  const acked = new Set(account.all('acked').map(leaseOf))
  const late = account.all('acking').find((ack) => ack.t > first.t && acked.has(leaseOf(ack)))
  if (late !== undefined) yield `${first.item} was leased before ${late.item} was done, which it comes after`
}

function leaseOf({ item, fence }: { item: string; fence: string }): string {
  return `${item}\0${fence}`
}

/** Each lease of an item has a larger fence than those that were known before it was asked for. */
function* checkFences(account: Account): Generator<string> {
  const leases = new Map<string, Of<'leased'>[]>()
  for (const lease of account.all('leased')) {
    const of = leases.get(lease.item)
    if (of === undefined) leases.set(lease.item, [lease])
    else of.push(lease)
  }
  for (const [item, of] of leases) {
    if (new Set(of.map(({ fence }) => fence)).size < of.length)
      yield `${item} was leased twice with one fence`
    for (const [i, later] of of.entries()) {
      const earlier = of.slice(0, i).filter(({ t }) => t < later.askedAt)
      for (const { fence } of earlier) {
        if (BigInt(fence) >= BigInt(later.fence))
          yield `${item} was leased with fence ${later.fence} after ${fence}`
      }
    }
  }
}

/** Each subscription that saw the end was told so once. */
function* checkDone(account: Account): Generator<string> {
  const dones = new Map<string, number>()
  for (const { subscription, type } of account.all('event')) {
    if (type === 'done') dones.set(subscription, (dones.get(subscription) ?? 0) + 1)
  }
  for (const [subscription, times] of dones) {
    if (times > 1) yield `${subscription} was told ${times} times that the queue is done`
  }
  for (const { subscription } of account.all('unsubscribed')) {
    if (!dones.has(subscription)) yield `${subscription} was never told that the queue is done`
  }
}

/** No living worker is reported dead, no dead one alive for long. */
function* checkDeaths(account: Account, promises: Promises): Generator<string> {
  const pids = new Map(account.all('timer').map(({ timer, pid }) => [timer, pid]))
  const faults = account.all('fault')
  const killedAt = new Map<number, number>()
  for (const { kind, pid, t } of faults) if (kind === 'kill') killedAt.set(pid!, t)
  const reported = [
    ...account.all('event').flatMap(({ type, timer, t }) => (type === 'died' ? [{ timer: timer!, t }] : [])),
    ...account
      .all('seen')
      .flatMap(({ timers, t }) =>
        timers.flatMap(([timer, state]) => (state === 'died' ? [{ timer, t }] : [])),
      ),
  ]
  // A failing end() may have been carried out or not; either way it is told truthfully.
  const abandoned = new Set(account.all('abandoned').map(({ timer }) => timer))
  const told = new Set(abandoned)
  for (const { timer, t } of reported) {
    if (told.has(timer)) continue
    told.add(timer)
    const pid = pids.get(timer)
    // It was killed before it could write down that it lives.
    if (pid === undefined) continue
    const death = killedAt.get(pid)
    if (death !== undefined && death <= t) continue
    const mayHaveExpired = faults.some(
      (fault) =>
        (fault.t <= t && ['cut', 'server'].includes(fault.kind)) ||
        (fault.kind === 'stop' && fault.pid === pid),
    )
    if (promises.deathIsCertain || !mayHaveExpired) yield `${timer} was reported dead and lived`
  }
  for (const { askedAt, timers } of account.all('seen')) {
    for (const [timer, state] of timers) {
      const death = state === 'alive' ? killedAt.get(pids.get(timer) ?? -1) : undefined
      if (death === undefined || askedAt - death <= promises.aliveAfterDeathMs) continue
      yield `${timer} was shown alive ${Math.round(askedAt - death)} ms after its death`
    }
  }
}
