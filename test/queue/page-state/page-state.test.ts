// What single steps on the state of a page promise; page-history.test.ts has random histories of them.

import assert from 'node:assert/strict'
import {
  ack,
  claim,
  consume,
  consumedItem,
  counts,
  fold,
  GONE,
  isComplete,
  MAX_CONSUMERS,
  MAX_REVOKED,
  newState,
  type PageState,
  readyIn,
  reap,
  redrive,
  settle,
  wasSettled,
} from '../../../lib/queue/page-state/page-state'

const MAX_ATTEMPTS = 3

describe('A page of items, step by step', () => {
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

  it('leases together what came back one by one, with as many attempts behind it', () => {
    let state = claim(newState(9), { token: 'all', wid: 'w', max: 9, source: 'fresh' }).state
    const back = (index: number, as: 'nack' | 'release') => {
      state = settle(state, { token: 'all', index, as, maxAttempts: MAX_ATTEMPTS }).state
    }
    for (const index of [7, 1, 4, 5]) back(index, 'nack')
    back(2, 'release')
    back(8, 'nack')

    const first = claim(state, { token: 'first', wid: 'w', max: 3, source: 'retry' })
    const rest = claim(first.state, { token: 'rest', wid: 'w', max: 9, source: 'retry' })
    const done = ack(rest.state, { token: 'first', indexes: [1, 3, 4, 7] })

    assert.deepEqual(first.result?.items, [
      [1, 2],
      [4, 5],
      [7, 8],
    ])
    assert.deepEqual(rest.result?.items, [[5, 6]], 'another number of attempts follows')
    assert.deepEqual(done.result, [3], 'what lies between is not its own')
    assert.equal(done.state.done, 3)
    const logged = claim(state, { token: 'logged', wid: 'w', max: 9, source: 'retry', log: 1 })
    assert.deepEqual(logged.result?.items, [[7, 8]], 'those of a log stand together')
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

  it('takes into the state what a log says of its own claim, no more than that, and nothing twice', () => {
    const plain = claim(newState(9), { token: 'plain', wid: 'w', max: 3, source: 'fresh' }).state
    const { state } = claim(plain, { token: 'logged', wid: 'w', max: 3, source: 'fresh', log: 7 })

    const two = fold(state, ({ log }) => (log === 7 ? 2 : 1))
    const all = fold(two, () => 5)

    assert.deepEqual(
      [two.done, two.claims.map(({ token, settled }) => [token, settled])],
      [
        2,
        [
          ['plain', []],
          ['logged', [[3, 5]]],
        ],
      ],
    )
    assert.equal(
      fold(two, () => 2),
      two,
    )
    assert.equal(
      fold(state, () => 0),
      state,
    )
    assert.deepEqual([all.done, all.claims.map(({ token }) => token)], [3, ['plain']])
  })

  it('revives the dead that are asked for, with all attempts ahead, and nobody else', () => {
    let { state } = claim(newState(5), { token: 't', wid: 'w', max: 4, source: 'fresh' })
    for (const index of [0, 1, 3])
      state = settle(state, { token: 't', index, as: 'nack', maxAttempts: 1 }).state

    const { state: after, result } = redrive(state, [0, 2, 3, 4, 9])

    assert.equal(result, 2)
    assert.deepEqual(after.dead, [[1, 2]])
    assert.deepEqual(after.retry, [
      { from: 0, to: 1, attempts: 0 },
      { from: 3, to: 4, attempts: 0 },
    ])
    assert.equal(redrive(after, [0, 2]).state, after)
  })

  it('names each item that a death has made a dead letter', () => {
    const nacked = claim(newState(3), { token: 'a', wid: 'w', max: 3, source: 'fresh' }).state
    let state = nacked
    for (const index of [1, 2])
      state = settle(state, { token: 'a', index, as: 'nack', maxAttempts: MAX_ATTEMPTS }).state
    state = settle(state, { token: 'a', index: 0, as: 'release', maxAttempts: MAX_ATTEMPTS }).state
    const single = claim(state, { token: 'b', wid: 'w2', max: 1, source: 'retry' }).state
    const pair = claim(state, { token: 'b', wid: 'w2', max: 2, source: 'retry' }).state
    const dying = (from: PageState, maxAttempts: number) => reap(from, { isGone: () => true, maxAttempts })

    assert.deepEqual(dying(single, 2).result, {
      returned: 0,
      dead: [{ index: 1, attempts: 2, wid: 'w2' }],
    })
    assert.deepEqual(dying(pair, 1).result.dead, [
      { index: 1, attempts: 1, wid: 'w2' },
      { index: 2, attempts: 1, wid: 'w2' },
    ])
    assert.deepEqual(dying(pair, 1).state.dead, [[1, 3]])
  })

  it('keeps delayed neighbours together that are due together after as many attempts', () => {
    let state = claim(newState(8), { token: 't', wid: 'w', max: 8, source: 'fresh' }).state
    const nack = (index: number, until: number) => {
      state = settle(state, { token: 't', index, as: 'nack', maxAttempts: MAX_ATTEMPTS, until }).state
    }
    nack(7, 10)
    nack(0, 20)
    nack(1, 20)
    nack(2, 20)
    nack(3, 30)
    nack(4, 20)
    nack(5, 20)
    const until = [
      { from: 7, to: 8, attempts: 1, until: 10 },
      { from: 0, to: 3, attempts: 1, until: 20 },
      { from: 4, to: 6, attempts: 1, until: 20 },
      { from: 3, to: 4, attempts: 1, until: 30 },
    ]

    assert.deepEqual(state.delayed, until)
    const others = { ...state, delayed: [{ from: 5, to: 6, attempts: 2, until: 20 }] }
    const last = settle(others, { token: 't', index: 6, as: 'nack', maxAttempts: MAX_ATTEMPTS, until: 20 })
    assert.deepEqual(last.state.delayed, [
      { from: 5, to: 6, attempts: 2, until: 20 },
      { from: 6, to: 7, attempts: 1, until: 20 },
    ])
  })

  it('counts what has failed, and what was tried again after that', () => {
    let state = claim(newState(4), { token: 't', wid: 'w', max: 4, source: 'fresh' }).state
    for (const [index, maxAttempts] of [
      [0, 1],
      [1, 2],
      [2, 2],
    ] as const)
      state = settle(state, { token: 't', index, as: 'nack', maxAttempts }).state

    const { failed, retried, dead } = counts(state)
    assert.deepEqual({ failed, retried, dead }, { failed: 3, retried: 2, dead: 1 })
  })

  it('knows nothing of a page that is gone, and says so', () => {
    assert.equal(consumedItem(GONE, 'h', 1), 'forgotten')
    assert.equal(wasSettled(GONE, 't', 0), 'forgotten')
    assert.ok(isComplete(GONE))
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

  it('forgets the revoked claim first that was taken away first', () => {
    const full = Array.from({ length: MAX_REVOKED }, (_, i) => ({ token: `r${i}`, settled: [] }))
    const held = claim(newState(2), { token: 'mine', wid: 'w', max: 1, source: 'fresh' }).state

    const { state } = reap({ ...held, revoked: full }, { isGone: () => true, maxAttempts: MAX_ATTEMPTS })

    assert.equal(state.revoked.length, MAX_REVOKED)
    assert.deepEqual([state.revoked[0]!.token, state.revoked.at(-1)!.token], ['r1', 'mine'])
  })

  it('forgets the consumer first that took nothing for longest, and none as long as there is room', () => {
    const handles = Array.from({ length: MAX_CONSUMERS }, (_, i) => `h${i}`)
    const consumed = Object.fromEntries(handles.map((handle) => [handle, [1, 0] as const]))
    const full: PageState = { ...newState(9), consumed }

    const again = consume(full, { handle: 'h5', seq: 2, source: 'fresh' }).state
    const another = consume(again, { handle: 'new', seq: 1, source: 'fresh' }).state

    const others = handles.filter((handle) => handle !== 'h5')
    assert.deepEqual(Object.keys(again.consumed), [...others, 'h5'])
    assert.deepEqual(Object.keys(another.consumed), [...others.slice(1), 'h5', 'new'])
  })
})
