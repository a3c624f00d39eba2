// Random histories of one page: many workers, in any order, some of them dead, some of them late.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import * as ranges from '../lib/watchdog/ranges'
import {
  type Claim,
  claim,
  claimed,
  consume,
  consumedItem,
  counts,
  holder,
  isComplete,
  leased,
  MAX_CONSUMERS,
  MAX_REVOKED,
  newState,
  type PageState,
  ready,
  readyIn,
  reap,
  redrive,
  SOURCES,
  settle,
  wasSettled,
} from '../lib/watchdog/state'
import { decodeState, encodeState } from '../lib/watchdog/state-codec'

const MAX_ATTEMPTS = 3

interface Held {
  token: string
  index: number
  wid: string
  fence: number
}

/** What really happened to each item, kept beside the state and by other means. */
class World {
  state: PageState
  readonly held: Held[] = []
  readonly acked = new Map<number, number>()
  readonly fences = new Map<number, number>()
  readonly gone = new Set<string>()
  /** Tokens whose leases were taken away while their holder still had them. */
  readonly overtaken: Held[] = []
  /** Leases that their holders ended. */
  readonly ended: Held[] = []
  #next = 0

  constructor(size: number) {
    this.state = newState(size)
  }

  claim(wid: string, max: number): boolean {
    const token = `t${this.#next++}`
    for (const source of SOURCES) {
      const { state, result } = claim(this.state, { token, wid, max, source })
      if (result === undefined) {
        assert.equal(state, this.state)
        continue
      }
      this.state = state
      assert.deepEqual(claimed(state, token), result)
      if (source === 'suspects') assert.equal(result.to - result.from, 1)
      for (let index = result.from; index < result.to; index++) {
        assert.ok(result.fence > (this.fences.get(index) ?? 0), 'the fence of an item grows')
        this.fences.set(index, result.fence)
        this.held.push({ token, index, wid, fence: result.fence })
      }
      return true
    }
    return false
  }

  settle(position: number, as: 'ack' | 'nack' | 'release'): void {
    const lease = this.held.splice(position % this.held.length, 1)[0]!
    const { state, result } = settle(this.state, { ...lease, as, maxAttempts: MAX_ATTEMPTS })
    assert.notEqual(result, 'lost', 'who was not reaped still holds')
    this.state = state
    this.ended.push(lease)
    if (as === 'ack') this.#ack(lease.index)
  }

  consume(handle: string): void {
    const seq = this.#next++
    for (const source of SOURCES) {
      const { state, result } = consume(this.state, { handle, seq, source })
      if (result === undefined) continue
      this.state = state
      assert.equal(consumedItem(state, handle, seq), result)
      assert.equal(consumedItem(state, handle, seq + 1), undefined)
      this.#ack(result)
      return
    }
  }

  #ack(index: number): void {
    this.acked.set(index, (this.acked.get(index) ?? 0) + 1)
  }

  kill(wid: string): void {
    this.gone.add(wid)
  }

  reap(): void {
    const { state, result } = reap(this.state, {
      isGone: (wid) => this.gone.has(wid),
      maxAttempts: MAX_ATTEMPTS,
    })
    for (const { index } of result.dead) assert.ok(ranges.has(state.dead, index))
    this.state = state
    for (const lease of this.held.splice(0))
      (this.gone.has(lease.wid) ? this.overtaken : this.held).push(lease)
  }

  /** Somebody who was taken for dead comes back, late. */
  settleLate(position: number, as: 'ack' | 'nack' | 'release'): void {
    const lease = this.overtaken[position % this.overtaken.length]!
    const { state, result } = settle(this.state, { ...lease, as, maxAttempts: MAX_ATTEMPTS })
    assert.equal(result, 'lost')
    assert.equal(state, this.state)
    assert.equal(wasSettled(state, lease.token, lease.index), false, 'an ambiguous late try is known as lost')
  }

  redrive(): void {
    const dead = [...ranges.numbers(this.state.dead)]
    const { state, result } = redrive(this.state, [...dead, 0])
    assert.equal(result, dead.length)
    this.state = state
  }

  check(): void {
    const { state } = this
    const places = [
      ...state.claims.flatMap((entry: Claim) => [
        ...ranges.numbers(ranges.gaps(entry.settled, entry.from, entry.to)),
      ]),
      ...ranges.numbers(state.retry.map(({ from, to }) => [from, to] as const)),
      ...ranges.numbers(state.suspects.map(({ from, to }) => [from, to] as const)),
      ...ranges.numbers(state.dead),
    ]
    assert.equal(new Set(places).size, places.length, 'no item is in two places')
    assert.ok(places.every((index) => index < state.cursor))
    assert.equal(places.length + state.done, state.cursor, 'no item is in none')
    assert.ok(
      [...this.acked.values()].every((times) => times === 1),
      'no item is acked twice',
    )
    assert.equal(this.acked.size, state.done)
    assert.ok([...state.retry, ...state.suspects].every(({ attempts }) => attempts < MAX_ATTEMPTS))
    for (const { token, index } of this.held) assert.ok(holder(state, token, index))
    for (const { token, index } of this.ended)
      assert.equal(
        wasSettled(state, token, index),
        true,
        'who settled is told so, also after the rest was reaped',
      )
    const sum = counts(state)
    assert.equal(sum.ready + sum.leased + sum.done + sum.dead, sum.total)
    assert.equal(isComplete(state), ready(state) + leased(state) === 0)
    assert.deepEqual(decodeState(encodeState(state)), state)
  }
}

type Action = (world: World) => void

const number = fc.nat({ max: 1000 })
const worker = fc.constantFrom('w0', 'w1', 'w2', 'w3', 'w4')
const how = fc.constantFrom('ack' as const, 'nack' as const, 'release' as const)
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(worker, fc.integer({ min: 1, max: 8 })).map(
      ([wid, max]): Action =>
        (world) =>
          void (world.gone.has(wid) || world.claim(wid, max)),
    ),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(number, how).map(
      ([n, as]): Action =>
        (world) =>
          world.held.length > 0 && world.settle(n, as),
    ),
  },
  {
    weight: 2,
    arbitrary: worker.map(
      (handle): Action =>
        (world) =>
          world.consume(handle),
    ),
  },
  {
    weight: 1,
    arbitrary: worker.map(
      (wid): Action =>
        (world) => {
          world.kill(wid)
          world.reap()
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(number, how).map(
      ([n, as]): Action =>
        (world) =>
          world.overtaken.length > 0 && world.settleLate(n, as),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Action>((world) => world.redrive()) },
)

describe('The state of a page', () => {
  it('keeps every item in exactly one place, through any history', () => {
    const history = fc.array(action, { minLength: 20, maxLength: 200 })

    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), history, (size, actions) => {
        const world = new World(size)
        for (const act of actions) {
          act(world)
          world.check()
        }
      }),
      { numRuns: 400 },
    )
  })

  it('is complete once the survivors have done what is left, whatever came before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(action, { maxLength: 80 }), (size, actions) => {
        const world = new World(size)
        for (const act of actions) act(world)
        for (const wid of ['w0', 'w1', 'w2', 'w3', 'w4']) world.kill(wid)
        world.reap()

        while (world.claim('survivor', 7)) while (world.held.length > 0) world.settle(0, 'ack')

        world.check()
        assert.ok(isComplete(world.state))
        assert.equal(world.acked.size + ranges.size(world.state.dead), size)
      }),
      { numRuns: 300 },
    )
  })

  it('makes a dead letter after exactly maxAttempts nacks', () => {
    let state = newState(1)
    const outcomes: string[] = []

    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const source = attempt === 0 ? 'fresh' : 'retry'
      const taken = claim(state, { token: `t${attempt}`, wid: 'w', max: 5, source })
      assert.equal(taken.result?.attempts, attempt)
      const settled = settle(taken.state, {
        token: `t${attempt}`,
        index: 0,
        as: 'nack',
        maxAttempts: MAX_ATTEMPTS,
      })
      outcomes.push(settled.result)
      state = settled.state
    }

    assert.deepEqual(outcomes, ['settled', 'settled', 'dead'])
    assert.ok(isComplete(state))
  })

  it('does not count the death of a worker with a batch, and counts each one with a single item', () => {
    let state = claim(newState(4), { token: 'batch', wid: 'w', max: 4, source: 'fresh' }).state
    state = reap(state, { isGone: () => true, maxAttempts: MAX_ATTEMPTS }).state
    assert.deepEqual(state.suspects, [{ from: 0, to: 4, attempts: 0 }])

    const attempts: number[] = []
    for (let death = 0; death < MAX_ATTEMPTS; death++) {
      const taken = claim(state, { token: `single${death}`, wid: 'w', max: 4, source: 'suspects' })
      state = reap(taken.state, { isGone: () => true, maxAttempts: MAX_ATTEMPTS }).state
      // The item goes behind the others: bring it to the front again.
      state = { ...state, suspects: [...state.suspects].sort((a, b) => a.from - b.from) }
      attempts.push(taken.result!.attempts)
    }

    assert.deepEqual(attempts, [0, 1, 2])
    assert.deepEqual(state.dead, [[0, 1]])
  })

  it('leases a suspect alone also after it was given back', () => {
    let state = claim(newState(3), { token: 'batch', wid: 'w', max: 3, source: 'fresh' }).state
    state = reap(state, { isGone: () => true, maxAttempts: MAX_ATTEMPTS }).state
    state = claim(state, { token: 'one', wid: 'v', max: 3, source: 'suspects' }).state

    state = settle(state, { token: 'one', index: 0, as: 'release', maxAttempts: MAX_ATTEMPTS }).state

    assert.deepEqual([readyIn(state, 'suspects'), readyIn(state, 'retry')], [3, 0])
  })

  it('says what is off the record, instead of guessing', () => {
    const revoked = Array.from({ length: MAX_REVOKED }, (_, i) => ({ token: `r${i}`, settled: [] }))
    const claimed = claim(newState(2), { token: 'mine', wid: 'w', max: 1, source: 'fresh' }).state
    const reaped = reap(claimed, { isGone: () => true, maxAttempts: MAX_ATTEMPTS }).state
    const later = { ...reaped, revoked: [...reaped.revoked.slice(1), ...revoked] }

    assert.equal(wasSettled(claimed, 'mine', 0), false)
    assert.equal(wasSettled({ ...claimed, claims: [] }, 'mine', 0), true)
    assert.equal(wasSettled(reaped, 'mine', 0), false)
    assert.equal(wasSettled(later, 'mine', 0), 'forgotten')

    const mine = consume(newState(3), { handle: 'mine', seq: 5, source: 'fresh' }).state
    assert.deepEqual(
      [5, 6].map((seq) => consumedItem(mine, 'mine', seq)),
      [0, undefined],
    )
    const others = Array.from({ length: MAX_CONSUMERS - 1 }, (_, i) => [`h${i}`, [1, 0]] as const)
    const crowded = { ...mine, consumed: { ...mine.consumed, ...Object.fromEntries(others) } }
    const { state } = consume(crowded, { handle: 'last', seq: 1, source: 'fresh' })
    assert.equal(consumedItem(state, 'mine', 5), 'forgotten')
    assert.equal(consumedItem(state, 'h7', 2), undefined)
  })

  it('refuses bytes that are no state', () => {
    for (const bytes of ['', 'null', '7', '{}', '{"size":1,"cursor":2}', 'no json']) {
      assert.equal(decodeState(Buffer.from(bytes)), undefined)
    }
  })
})
