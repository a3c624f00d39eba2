// What the state of a page means, the naive way: one place for each item, and every step made item by item.
// It shares no code with lib/queue/page-state/page-state.ts, whose ranges and counters must always say the same.

import type {
  Delayed,
  PageState,
  Reaped,
  Source,
  Taken,
  Waiting,
} from '../../lib/queue/page-state/page-state'
import type { Settlement } from '../../lib/queue/worker/lease'

type Place = 'fresh' | 'leased' | 'retry' | 'suspects' | 'delayed' | 'dead' | 'done'

interface Item {
  place: Place
  attempts: number
  /** Of a delayed one. */
  until: number
}

interface ModelClaim {
  readonly indexes: readonly number[]
  readonly wid: string
  readonly fence: number
  readonly attempts: number
  readonly suspect: boolean
  readonly settled: Set<number>
  log: number
}

export class PageModel {
  readonly #items: Item[]
  /** Items that wait, in the order in which they come out. */
  readonly #queues: Record<'retry' | 'suspects', number[]> = { retry: [], suspects: [] }
  /** In the order in which they came. */
  #delayed: number[] = []
  /** The oldest first. */
  readonly #claims = new Map<string, ModelClaim>()
  /** Every claim there ever was. */
  readonly #history = new Map<string, ModelClaim>()
  readonly #revoked: string[] = []
  readonly #consumed = new Map<string, [seq: number, index: number]>()
  #fence = 0
  #returned = 0
  failed = 0

  constructor(size: number, until?: number) {
    this.#items = []
    this.#append(size, until)
  }

  #append(count: number, until: number | undefined): void {
    const first = this.#items.length
    for (let i = 0; i < count; i++) this.#items.push({ place: 'fresh', attempts: 0, until: 0 })
    if (until === undefined) return
    for (let index = first; index < first + count; index++) this.#delay(index, until)
  }

  #delay(index: number, until: number): void {
    Object.assign(this.#items[index]!, { place: 'delayed', until })
    this.#delayed.push(index)
  }

  grow(size: number, until?: number): boolean {
    if (size <= this.#items.length) return true
    if (this.count('done', 'dead') === this.#items.length) return false
    if (until !== undefined && this.count('fresh') > 0) return false
    this.#append(size - this.#items.length, until)
    return true
  }

  /** What is due by then waits in the order in which it came due. */
  wake(now: number): void {
    const due = this.#byTime().filter((index) => this.#items[index]!.until <= now)
    this.#delayed = this.#delayed.filter((index) => !due.includes(index))
    for (const index of due) {
      this.#items[index]!.place = 'retry'
      this.#queues.retry.push(index)
    }
  }

  /** Delayed items: those that are due first, first; of those that are due together, those that came first. */
  #byTime(): number[] {
    const at = (index: number) => this.#items[index]!.until
    return [...this.#delayed].sort((a, b) => at(a) - at(b))
  }

  nextDue(): number | undefined {
    const [first] = this.#byTime()
    return first === undefined ? undefined : this.#items[first]!.until
  }

  due(now: number): number {
    return this.#delayed.filter((index) => this.#items[index]!.until <= now).length
  }

  /** Where an item is, as the users of the queue name it. */
  placeOf(index: number, now: number): string {
    const { place, until } = this.#items[index]!
    if (place === 'delayed') return until <= now ? 'ready' : 'delayed'
    return place === 'fresh' || place === 'retry' || place === 'suspects' ? 'ready' : place
  }

  claim(token: string, wid: string, max: number, source: Source, log = 0): Taken | undefined {
    const taken = this.#take(source, source === 'suspects' ? 1 : max, log !== 0)
    if (taken.length === 0) return undefined
    const { attempts } = this.#items[taken[0]!]!
    const indexes = taken.sort(ascending)
    const suspect = source === 'suspects'
    const settled = new Set<number>()
    const claim = { indexes, wid, fence: ++this.#fence, attempts, suspect, settled, log }
    this.#claims.set(token, claim)
    this.#history.set(token, claim)
    for (const index of indexes) this.#items[index]!.place = 'leased'
    return this.#taken(token, claim)
  }

  claimed(token: string): Taken | 'revoked' | undefined {
    const claim = this.#claims.get(token)
    if (claim !== undefined) return this.#taken(token, claim)
    return this.#revoked.includes(token) ? 'revoked' : undefined
  }

  consume(handle: string, seq: number, source: Source): number | undefined {
    const [index] = this.#take(source, 1)
    if (index === undefined) return undefined
    this.#fence++
    this.#consumed.set(handle, [seq, index])
    this.#items[index]!.place = 'done'
    return index
  }

  consumedItem(handle: string, seq: number): number | undefined {
    const last = this.#consumed.get(handle)
    return last?.[0] === seq ? last[1] : undefined
  }

  holds(token: string, index: number): boolean {
    const claim = this.#claims.get(token)
    return claim?.indexes.includes(index) === true && !claim.settled.has(index)
  }

  settle(
    token: string,
    index: number,
    as: Settlement,
    { maxAttempts, until }: { maxAttempts: number; until?: number },
  ): 'settled' | 'dead' | 'lost' {
    if (!this.holds(token, index)) return 'lost'
    const claim = this.#claims.get(token)!
    claim.settled.add(index)
    if (claim.settled.size === claim.indexes.length) this.#claims.delete(token)

    const item = this.#items[index]!
    if (as === 'ack') item.place = 'done'
    else if (as === 'release') this.#giveBack(index, claim.suspect ? 'suspects' : 'retry')
    else if (this.#fail(item) >= maxAttempts) item.place = 'dead'
    else if (until === undefined) this.#giveBack(index, 'retry')
    else {
      this.#delay(index, until)
      this.#returned++
    }
    return item.place === 'dead' ? 'dead' : 'settled'
  }

  #fail(item: Item): number {
    this.failed++
    item.attempts++
    return item.attempts
  }

  /** Whether the holder ended that lease, be the claim still there or not. */
  wasSettled(token: string, index: number): boolean {
    return this.#history.get(token)!.settled.has(index)
  }

  /** The first `acked` items of that claim are done. */
  fold(token: string, acked: number): void {
    const claim = this.#claims.get(token)
    for (const index of claim?.indexes.slice(0, acked) ?? [])
      this.settle(token, index, 'ack', { maxAttempts: 1 })
  }

  endLog(token: string, acked: number, kept: number): number {
    const claim = this.#claims.get(token)
    if (claim === undefined) return 0
    if (claim.log !== 0) this.fold(token, acked)
    claim.log = 0
    return this.giveBack(token, kept)
  }

  /** Gives back what comes after the first `kept` items of that claim. */
  giveBack(token: string, kept: number): number {
    const before = this.#returned
    for (const index of this.#claims.get(token)?.indexes.slice(kept) ?? [])
      this.settle(token, index, 'release', { maxAttempts: 1 })
    return this.#returned - before
  }

  reap(isGone: (wid: string) => boolean, maxAttempts: number): Reaped {
    const before = this.#returned
    const dead: { index: number; attempts: number; wid: string }[] = []
    for (const [token, claim] of [...this.#claims]) {
      if (!isGone(claim.wid)) continue
      this.#claims.delete(token)
      this.#revoked.push(token)
      const left = claim.indexes.filter((index) => !claim.settled.has(index))
      for (const index of left) {
        const item = this.#items[index]!
        if (claim.log !== 0 && index !== left[0]) {
          this.#giveBack(index, 'retry')
          continue
        }
        if (claim.indexes.length === 1 || claim.log !== 0) this.#fail(item)
        if (item.attempts < maxAttempts) {
          this.#giveBack(index, 'suspects')
        } else {
          item.place = 'dead'
          dead.push({ index, attempts: item.attempts, wid: claim.wid })
        }
      }
    }
    return { returned: this.#returned - before, dead }
  }

  redrive(indexes: readonly number[]): number {
    let revived = 0
    for (const index of indexes) {
      const item = this.#items[index]
      if (item?.place !== 'dead') continue
      Object.assign(item, { place: 'retry', attempts: 0 })
      this.#queues.retry.push(index)
      revived++
    }
    return revived
  }

  count(...places: Place[]): number {
    return this.#items.filter(({ place }) => places.includes(place)).length
  }

  /** Claims that are there and have a log. */
  logs(): { token: string; log: number; indexes: readonly number[] }[] {
    const all = [...this.#claims].map(([token, { log, indexes }]) => ({ token, log, indexes }))
    return all.filter(({ log }) => log !== 0)
  }

  /** Every claim and each of its items, whatever became of them. */
  leases(): { token: string; index: number }[] {
    return [...this.#history].flatMap(([token, { indexes }]) => indexes.map((index) => ({ token, index })))
  }

  /** The state that says all this. */
  toState(): PageState {
    const claims = [...this.#claims].map(([token, claim]) => {
      const { indexes, settled: _, ...rest } = claim
      return { token, from: indexes[0]!, to: indexes.at(-1)! + 1, ...rest, settled: spans(notHeld(claim)) }
    })
    const dead = [...this.#items.keys()].filter((index) => this.#items[index]!.place === 'dead')
    return {
      size: this.#items.length,
      cursor: this.#items.length - this.count('fresh'),
      claims,
      retry: this.#waiting('retry'),
      suspects: this.#waiting('suspects'),
      delayed: this.#toDelayed(),
      done: this.count('done'),
      dead: spans(dead),
      revoked: this.#revoked.map((token) => ({ token, settled: spans(notHeld(this.#history.get(token)!)) })),
      consumed: Object.fromEntries(this.#consumed),
      fence: this.#fence,
      returned: this.#returned,
      failed: this.failed,
    }
  }

  /** The items that come next, with as many attempts behind them as the first; where that is asked for, neighbours. */
  #take(source: Source, max: number, areNeighbours = false): number[] {
    const queue = this.#queueOf(source)
    const first = queue[0]
    const alike = (index: number, i: number) =>
      (!areNeighbours || index === first! + i) &&
      this.#items[index]!.attempts === this.#items[first!]!.attempts
    const end = queue.findIndex((index, i) => i === max || !alike(index, i))
    const taken = queue.slice(0, end < 0 ? queue.length : end)
    if (source !== 'fresh') this.#queues[source].splice(0, taken.length)
    return taken
  }

  #queueOf(source: Source): readonly number[] {
    if (source !== 'fresh') return this.#queues[source]
    return [...this.#items.keys()].filter((index) => this.#items[index]!.place === 'fresh')
  }

  #giveBack(index: number, queue: 'retry' | 'suspects'): void {
    this.#items[index]!.place = queue
    this.#queues[queue].push(index)
    this.#returned++
  }

  #taken(token: string, { indexes, settled, attempts, fence }: ModelClaim): Taken {
    return { token, items: spans(indexes.filter((index) => !settled.has(index))), attempts, fence }
  }

  #toDelayed(): Delayed[] {
    const list: { from: number; to: number; attempts: number; until: number }[] = []
    for (const index of this.#byTime()) {
      const { attempts, until } = this.#items[index]!
      const last = list.at(-1)
      if (last?.to === index && last.attempts === attempts && last.until === until) last.to++
      else list.push({ from: index, to: index + 1, attempts, until })
    }
    return list
  }

  #waiting(name: 'retry' | 'suspects'): Waiting[] {
    const list: { from: number; to: number; attempts: number }[] = []
    for (const index of this.#queues[name]) {
      const { attempts } = this.#items[index]!
      const last = list.at(-1)
      if (last?.to === index && last.attempts === attempts) last.to++
      else list.push({ from: index, to: index + 1, attempts })
    }
    return list
  }
}

const ascending = (a: number, b: number) => a - b

/** What of the span of a claim was settled, or never its own. */
function notHeld({ indexes, settled }: ModelClaim): number[] {
  const all = Array.from({ length: indexes.at(-1)! + 1 - indexes[0]! }, (_, i) => indexes[0]! + i)
  return all.filter((index) => settled.has(index) || !indexes.includes(index))
}

/** Sorted numbers as ranges. */
export function spans(numbers: readonly number[]): [from: number, to: number][] {
  const found: [from: number, to: number][] = []
  for (const number of numbers) {
    const last = found.at(-1)
    if (last?.[1] === number) last[1]++
    else found.push([number, number + 1])
  }
  return found
}
