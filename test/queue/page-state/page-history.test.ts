// Random histories of one page: many workers, in any order, some of them dead, some of them late. After each
// step the state must be what a naive model of the page says (support/page-model.ts).

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeState, encodeState } from '../../../lib/queue/page-state/codec'
import {
  ack,
  claim,
  claimed,
  consume,
  consumedItem,
  counts,
  endLog,
  fold,
  grow,
  holder,
  isComplete,
  type Logged,
  leased,
  newState,
  nextDue,
  type Outcome,
  type PageState,
  ready,
  readyIn,
  reap,
  redrive,
  SOURCES,
  type Source,
  settle,
  takeUnhanded,
  wake,
  wasSettled,
} from '../../../lib/queue/page-state/page-state'
import { places } from '../../../lib/queue/page-state/places'
import type { Settlement } from '../../../lib/queue/worker/lease'
import { PageModel } from '../../support/page-model'

const MAX_ATTEMPTS = 3
const WORKERS = ['w0', 'w1', 'w2', 'w3', 'w4']

/** A page and its model, taken through the same steps. */
class Page {
  state: PageState
  readonly model: PageModel
  readonly gone = new Set<string>()
  /** How many acks are in the logs, by the number of the claim. */
  readonly #logged = new Map<number, number>()
  #steps = 0

  constructor(size: number, until?: number) {
    this.state = deepFreeze(newState(size, until))
    this.model = new PageModel(size, until)
  }

  grow(more: number, until: number | undefined): void {
    const size = this.state.size + more
    const expected = this.model.grow(size, until)

    const result = this.#take(grow(this.state, { size, until }))

    assert.equal(result, expected)
  }

  wake(now: number): void {
    this.model.wake(now)

    this.#take({ state: wake(this.state, now), result: undefined })
  }

  claim(wid: string, max: number, source: Source, isLogged = false): boolean {
    const token = `t${this.#steps++}`
    const log = isLogged ? this.#steps : 0
    const expected = this.model.claim(token, wid, max, source, log)

    const result = this.#take(claim(this.state, { token, wid, max, source, log }))

    assert.deepEqual(result, expected)
    assert.deepEqual(claimed(this.state, token), expected)
    return result !== undefined
  }

  consume(handle: string, source: Source): void {
    const seq = this.#steps++
    const expected = this.model.consume(handle, seq, source)

    const result = this.#take(consume(this.state, { handle, seq, source }))

    assert.equal(result, expected)
    for (const known of [seq, seq + 1]) {
      assert.equal(consumedItem(this.state, handle, known), this.model.consumedItem(handle, known))
    }
  }

  settle(token: string, index: number, as: Settlement, until?: number): void {
    if (as === 'ack') {
      this.ack(token, [index])
      return
    }
    const how = { maxAttempts: MAX_ATTEMPTS, until }
    const expected = this.model.settle(token, index, as, how)

    const result = this.#take(settle(this.state, { token, index, as, ...how }))

    assert.equal(result, expected)
  }

  ack(token: string, indexes: readonly number[]): void {
    const expected = indexes.filter(
      (index) => this.model.settle(token, index, 'ack', { maxAttempts: MAX_ATTEMPTS }) === 'lost',
    )

    const result = this.#take(ack(this.state, { token, indexes }))

    assert.deepEqual(result, expected)
  }

  readonly #acksOf = ({ log }: { log: number }) => this.#logged.get(log) ?? 0

  /** The holder acks the next item of that claim, and only its log knows. */
  record(n: number): void {
    const logs = this.model.logs()
    const claim = logs[n % logs.length]
    if (claim === undefined) return
    const acked = this.#acksOf(claim)
    if (this.model.holds(claim.token, claim.indexes[acked] ?? -1)) this.#logged.set(claim.log, acked + 1)
  }

  endLog(n: number, isInHand: boolean): void {
    const logs = this.model.logs()
    const claim = logs[n % logs.length]
    if (claim === undefined) return
    const { token } = claim
    const acked = this.#acksOf(claim)
    const kept = acked + (isInHand ? 1 : 0)
    const expected = this.model.endLog(token, acked, kept)

    const before = this.state
    const result = this.#take(endLog(this.state, { token, acked, kept }))

    assert.equal(result, expected)
    assert.notEqual(this.state, before, 'what another does on the state of before must fail')
  }

  takeUnhanded(): void {
    let expected = 0
    for (const claim of this.model.logs())
      expected += this.model.giveBack(claim.token, this.#acksOf(claim) + 1)

    const result = this.#take(takeUnhanded(this.state, this.#acksOf))

    assert.equal(result, expected)
  }

  reap(): void {
    const isGone = (wid: string) => this.gone.has(wid)
    const logged: Logged = (claim) => (isGone(claim.wid) ? this.#acksOf(claim) : 0)
    for (const { token, wid, log } of this.state.claims) {
      if (log !== 0 && isGone(wid)) this.model.fold(token, this.#acksOf({ log }))
    }
    const expected = this.model.reap(isGone, MAX_ATTEMPTS)

    const result = this.#take(reap(fold(this.state, logged), { isGone, maxAttempts: MAX_ATTEMPTS }))

    assert.deepEqual(result, expected)
  }

  redrive(indexes: readonly number[]): void {
    const expected = this.model.redrive(indexes)

    const result = this.#take(redrive(this.state, indexes))

    assert.equal(result, expected)
  }

  /** Who may still have something to say about an item: its holder, or a former one. */
  someLease(n: number): { token: string; index: number } | undefined {
    const all = this.model.leases()
    return all[all.length - 1 - (n % all.length)]
  }

  /** The promise at the top of state.ts, by the state alone. */
  checkPlaces(): void {
    const { state } = this
    const waiting = [...state.retry, ...state.suspects, ...state.delayed].map(
      ({ from, to }) => [from, to] as const,
    )
    const held = state.claims.flatMap(({ from, to, settled }) => {
      const over = new Set(numbers(settled))
      return numbers([[from, to]]).filter((index) => !over.has(index))
    })
    const places = [...held, ...numbers(waiting), ...numbers(state.dead)]
    assert.equal(new Set(places).size, places.length, 'no item is in two places')
    assert.ok(places.every((index) => index < state.cursor))
    assert.equal(places.length + state.done, state.cursor, 'no item is in none')
  }

  checkCounts(): void {
    const { state, model } = this
    assert.equal(readyIn(state, 'fresh'), model.count('fresh'))
    assert.equal(readyIn(state, 'retry'), model.count('retry'))
    assert.equal(readyIn(state, 'suspects'), model.count('suspects'))
    assert.equal(ready(state), model.count('fresh', 'retry', 'suspects'))
    assert.equal(leased(state), model.count('leased'))
    assert.equal(isComplete(state), model.count('fresh', 'retry', 'suspects', 'delayed', 'leased') === 0)
    assert.equal(nextDue(state), model.nextDue())
    for (const now of [0, 50, 100]) {
      const due = model.due(now)
      assert.deepEqual(counts(state, now), {
        total: state.size,
        ready: ready(state) + due,
        delayed: model.count('delayed') - due,
        leased: leased(state),
        done: model.count('done'),
        dead: model.count('dead'),
        failed: model.failed,
        retried: Math.max(0, model.failed - model.count('dead')),
      })
      const placed = places(state, now).flatMap(({ from, to, place }) =>
        numbers([[from, to]]).map(() => place),
      )
      assert.deepEqual(
        placed,
        numbers([[0, state.size]]).map((index) => model.placeOf(index, now)),
      )
    }
  }

  /** What each holder is told that asks after an answer that it did not get. */
  checkAnswers(): void {
    for (const { token, index } of this.model.leases()) {
      assert.equal(wasSettled(this.state, token, index), this.model.wasSettled(token, index))
      assert.deepEqual(claimed(this.state, token), this.model.claimed(token))
      for (const near of [index - 1, index, index + 1]) {
        assert.equal(holder(this.state, token, near)?.token === token, this.model.holds(token, near))
      }
    }
    for (const handle of WORKERS) assert.equal(consumedItem(this.state, handle, -1), undefined)
  }

  /** The step's result, once its state is that of the model and survives being written down. */
  #take<R>({ state, result }: Outcome<R>): R {
    const expected = this.model.toState()
    assert.deepEqual(state, expected)
    assert.deepEqual(decodeState(encodeState(state)), expected)
    if (state !== this.state) assert.notDeepEqual(state, this.state, 'nothing changed, nothing to write')
    this.state = deepFreeze(state)
    return result
  }
}

/** A step that writes on the state it was given throws. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}

type Step = (page: Page) => void

const number = fc.nat({ max: 1000 })
const time = fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined })
const worker = fc.constantFrom(...WORKERS)
const source = fc.constantFrom(...SOURCES)
const how = fc.constantFrom<Settlement[]>('ack', 'nack', 'release')

const claims = fc.tuple(worker, fc.integer({ min: 1, max: 8 }), source).map(
  ([wid, max, from]): Step =>
    (page) =>
      void page.claim(wid, max, from),
)
const logs = fc.tuple(worker, fc.integer({ min: 1, max: 8 }), source).map(
  ([wid, max, from]): Step =>
    (page) =>
      void page.claim(wid, max, from, true),
)
const records = number.map(
  (n): Step =>
    (page) =>
      page.record(n),
)
const ends = fc.tuple(number, fc.boolean()).map(
  ([n, isInHand]): Step =>
    (page) =>
      page.endLog(n, isInHand),
)
const thefts = fc.constant<Step>((page) => page.takeUnhanded())
const growths = fc.tuple(fc.integer({ min: -1, max: 5 }), time).map(
  ([more, until]): Step =>
    (page) =>
      page.grow(more, until),
)
const wakes = fc.integer({ min: 0, max: 101 }).map(
  (now): Step =>
    (page) =>
      page.wake(now),
)
const settles = fc.tuple(number, how, time).map(
  ([n, as, until]): Step =>
    (page) => {
      const lease = page.someLease(n)
      if (lease !== undefined) page.settle(lease.token, lease.index, as, until)
    },
)
const astray = fc.tuple(number, fc.integer({ min: -1, max: 40 }), how).map(
  ([n, index, as]): Step =>
    (page) => {
      page.settle(page.someLease(n)?.token ?? 'nobody', index, as)
    },
)
const acks = fc.tuple(number, fc.array(fc.integer({ min: -2, max: 9 }), { maxLength: 12 })).map(
  ([n, offsets]): Step =>
    (page) => {
      const lease = page.someLease(n)
      if (lease === undefined) return
      page.ack(
        lease.token,
        offsets.map((offset) => lease.index + offset),
      )
    },
)
const consumes = fc.tuple(worker, source).map(
  ([handle, from]): Step =>
    (page) =>
      page.consume(handle, from),
)
const deaths = fc.uniqueArray(worker, { maxLength: 2 }).map(
  (wids): Step =>
    (page) => {
      page.gone.clear()
      for (const wid of wids) page.gone.add(wid)
      page.reap()
    },
)
const redrives = fc.array(fc.integer({ min: -1, max: 40 }), { maxLength: 40 }).map(
  (indexes): Step =>
    (page) =>
      page.redrive(indexes),
)

const history = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: claims },
    { weight: 4, arbitrary: logs },
    { weight: 8, arbitrary: records },
    { weight: 3, arbitrary: ends },
    { weight: 1, arbitrary: thefts },
    { weight: 9, arbitrary: settles },
    { weight: 3, arbitrary: acks },
    { weight: 1, arbitrary: astray },
    { weight: 2, arbitrary: consumes },
    { weight: 2, arbitrary: deaths },
    { weight: 1, arbitrary: redrives },
    { weight: 1, arbitrary: growths },
    { weight: 1, arbitrary: wakes },
  ),
  { maxLength: 120, size: 'max' },
)

describe('The state of a page', () => {
  it('is what a naive model says, after each step of any history', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), time, history, (size, until, steps) => {
        const page = new Page(size, until)
        for (const step of steps) {
          step(page)
          page.checkPlaces()
          page.checkCounts()
        }
        page.checkAnswers()
      }),
      { numRuns: 120 },
    )
  })

  it('is complete once the survivors have done what is left, whatever came before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), history, (size, steps) => {
        const page = new Page(size)
        for (const step of steps) step(page)
        for (const wid of WORKERS) page.gone.add(wid)
        page.reap()
        page.wake(1000)

        for (const from of SOURCES) {
          while (page.claim('survivor', 7, from)) {
            const { token, from: first, to } = page.state.claims[0]!
            for (const index of numbers([[first, to]])) page.settle(token, index, 'ack')
          }
        }

        assert.ok(isComplete(page.state))
        assert.equal(page.state.done + page.model.count('dead'), page.state.size)
      }),
      { numRuns: 50 },
    )
  })
})

function numbers(ranges: readonly (readonly [number, number])[]): number[] {
  return ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i))
}
