// The judge of the random damage is judged: a history that keeps every promise passes, and each way of
// breaking one is found.

import assert from 'node:assert/strict'
import { check, type Promises } from './checker'
import type { HistoryRecord, Recorded } from './history'

const STRICT: Promises = { deathIsCertain: true, aliveAfterDeathMs: 1000 }

/** Records with the times they are given, or one millisecond after the other. */
function historyOf(...records: (HistoryRecord & { t?: number })[]): Recorded[] {
  let now = 0
  return records.map((record) => {
    now = record.t ?? now + 1
    return { by: 'test', ...record, t: now }
  })
}

const lease = (timer: string, item: string, fence: string, askedAt = 0): HistoryRecord => ({
  op: 'leased',
  timer,
  item,
  attempt: 1,
  fence,
  askedAt,
})
const ack = (op: 'acking' | 'acked' | 'lost', timer: string, item: string, fence: string): HistoryRecord => ({
  op,
  timer,
  item,
  fence,
})
const kept: HistoryRecord[] = [
  { op: 'adding', items: ['a', 'b', 'c'] },
  { op: 'added', items: ['a', 'b', 'c'] },
  { op: 'timer', timer: 'w1', pid: 1 },
  { op: 'timer', timer: 'w2', pid: 2 },
  lease('w1', 'a', '1'),
  ack('acking', 'w1', 'a', '1'),
  ack('acked', 'w1', 'a', '1'),
  lease('w1', 'b', '2'),
  { op: 'fault', kind: 'kill', pid: 1 },
  { op: 'subscribed', subscription: 'm' },
  { op: 'event', subscription: 'm', type: 'died', timer: 'w1' },
  lease('w2', 'b', '3'),
  ack('acking', 'w2', 'b', '3'),
  ack('acked', 'w2', 'b', '3'),
  { op: 'event', subscription: 'm', type: 'done' },
  { op: 'unsubscribed', subscription: 'm' },
  { op: 'seen', askedAt: 20, timers: [['w1', 'died']] },
]
const end: HistoryRecord = { op: 'result', total: 3, done: 2, dead: 1, deadItems: ['c'] }

function violationsOf(...more: (HistoryRecord & { t?: number })[]): string[] {
  return check(historyOf(...kept, ...more, end), STRICT)
}

describe('The judge of the random damage', () => {
  const nack = (delayMs: number): HistoryRecord[] => [
    { op: 'nacking', timer: 'w1', item: 'd', fence: '5', delayMs },
    { op: 'gave-back', timer: 'w1', item: 'd', how: 'nack' },
  ]

  it('finds an item that was leased before its time', () => {
    const added: HistoryRecord[] = [
      { op: 'adding', items: ['d'], delayMs: 500 },
      { op: 'added', items: ['d'] },
    ]
    const ended = [ack('acking', 'w2', 'd', '6'), ack('acked', 'w2', 'd', '6')]
    const result: HistoryRecord = { op: 'result', total: 4, done: 3, dead: 1, deadItems: ['c'] }
    const judge = (...records: (HistoryRecord & { t?: number })[]) =>
      check(historyOf(...kept, ...records, ...ended, result), STRICT)

    assert.deepEqual(judge(...added, { ...lease('w2', 'd', '6'), t: 600 }), [])
    assert.deepEqual(judge(...added, { ...lease('w2', 'd', '6'), t: 400 }), [
      'd was leased 118 ms before its time',
    ])
    const begin = [...added, { ...lease('w1', 'd', '5'), t: 600 }, ...nack(100)]
    assert.deepEqual(judge(...begin, { ...lease('w2', 'd', '6'), t: 701 }), [])
    assert.deepEqual(judge(...begin, { ...lease('w2', 'd', '6'), t: 650 }), [
      'd was leased 51 ms before its time',
    ])
  })

  it('finds a priority that was passed over for long', () => {
    const added: HistoryRecord[] = [
      { op: 'adding', items: ['low'] },
      { op: 'added', items: ['low'] },
      { op: 'adding', items: ['high'], priority: 1 },
      { op: 'added', items: ['high'] },
    ]
    const judge = (askedAt: number) =>
      check(
        historyOf(
          ...kept,
          ...added,
          { ...lease('w2', 'low', '6', askedAt), t: 20_000 },
          ...nackless,
          resultOf5,
        ),
        STRICT,
      )
    const nackless = [
      ack('acking', 'w2', 'low', '6'),
      ack('acked', 'w2', 'low', '6'),
      lease('w2', 'high', '7', 19_999),
      ack('acking', 'w2', 'high', '7'),
      ack('acked', 'w2', 'high', '7'),
    ]
    const resultOf5: HistoryRecord = { op: 'result', total: 5, done: 4, dead: 1, deadItems: ['c'] }

    assert.deepEqual(judge(10_000), [])
    assert.match(judge(19_000).join(), /low was leased while high, which has a higher priority/)
  })

  it('finds a result too few, too many, or of a lease that was lost', () => {
    const judge = (results: [string, string][]) => violationsOf({ op: 'results', results })

    assert.deepEqual(
      judge([
        ['a', 'a 1 w1'],
        ['b', 'b 3 w2'],
      ]),
      [],
    )
    assert.match(judge([['a', 'a 1 w1']]).join(), /b was acked and has no result/)
    assert.match(
      judge([
        ['a', 'a 1 w1'],
        ['b', 'b 2 w1'],
      ]).join(),
      /b was acked with another result/,
    )
    assert.match(
      judge([
        ['a', 'a 1 w1'],
        ['a', 'a 1 w1'],
        ['b', 'b 3 w2'],
      ]).join(),
      /a has two results/,
    )
    assert.match(
      judge([
        ['a', 'b 3 w2'],
        ['b', 'b 3 w2'],
      ]).join(),
      /a has the result of another/,
    )
    assert.match(
      judge([
        ['a', 'a 1 w1'],
        ['b', 'b 3 w2'],
        ['c', 'c 9 w1'],
      ]).join(),
      /2 items are done, and 3 have results/,
    )
  })

  it('finds an item of a queue that comes after, leased too early', () => {
    assert.deepEqual(violationsOf({ op: 'followed', item: 'f' }), [])
    const early = historyOf(...kept.slice(0, 11), { op: 'followed', item: 'f' }, ...kept.slice(11), end)
    assert.match(check(early, STRICT).join(), /f was leased before b was done, which it comes after/)
  })

  it('finds nothing wrong with a history that keeps every promise', () => {
    assert.deepEqual(violationsOf(), [])
  })

  it('accepts an ack without an answer as done or not', () => {
    const without = historyOf(...kept.filter(({ op }) => op !== 'acked'), end)

    assert.deepEqual(check(without, STRICT), [])
  })

  const broken: [what: string, more: (HistoryRecord & { t?: number })[], found: RegExp][] = [
    ['is acked twice', [ack('acking', 'w2', 'a', '9'), ack('acked', 'w2', 'a', '9')], /^a was acked 2 times/],
    [
      'is lost',
      [
        { op: 'adding', items: ['d'] },
        { op: 'added', items: ['d'] },
      ],
      /^d was added and is lost/,
    ],
    ['turns up from nowhere', [lease('w2', 'x', '4')], /^x was leased and was never added/],
    ['is leased twice with one fence', [lease('w2', 'b', '2')], /^b was leased twice with one fence/],
    [
      'is leased with a smaller fence than before',
      [lease('w2', 'b', '1', 100)].map((one) => ({ ...one, t: 101 })),
      /^b was leased with fence 1 after 2/,
    ],
  ]
  for (const [what, more, found] of broken) {
    it(`finds an item that ${what}`, () => {
      const violations = violationsOf(...more)

      assert.ok(
        violations.some((violation) => found.test(violation)),
        violations.join('\n'),
      )
    })
  }

  it('finds an item that is done and dead', () => {
    const result: HistoryRecord = { op: 'result', total: 3, done: 2, dead: 1, deadItems: ['b'] }

    const violations = check(historyOf(...kept, result), STRICT)

    assert.deepEqual(violations, ['c was added and is lost', 'b was acked and is a dead letter'])
  })

  it('finds sums that do not add up, and a round that did not end', () => {
    const result: HistoryRecord = { op: 'result', total: 4, done: 3, dead: 1, deadItems: ['c'] }

    assert.deepEqual(check(historyOf(...kept, result), STRICT), [
      '4 items, where 3 to 3 were added',
      '3 items are done, where 2 to 2 were acked',
    ])
    assert.deepEqual(check(historyOf(...kept), STRICT), ['The round did not come to its end'])
  })

  it('finds a second "done", and one that never came', () => {
    const twice = violationsOf({ op: 'event', subscription: 'm', type: 'done' })
    const never = violationsOf({ op: 'unsubscribed', subscription: 'n' })

    assert.deepEqual(twice, ['m was told 2 times that the queue is done'])
    assert.deepEqual(never, ['n was never told that the queue is done'])
  })

  it('finds the living taken for dead, unless a session may have ended, and the dead shown alive', () => {
    const living: HistoryRecord = { op: 'event', subscription: 'm', type: 'died', timer: 'w2' }
    const stopped: HistoryRecord = { op: 'fault', kind: 'stop', pid: 2 }
    const loose = { ...STRICT, deathIsCertain: false }

    assert.deepEqual(violationsOf(living), ['w2 was reported dead and lived'])
    assert.deepEqual(check(historyOf(...kept, living, end), loose), ['w2 was reported dead and lived'])
    assert.deepEqual(check(historyOf(...kept, stopped, living, end), loose), [])
    assert.deepEqual(violationsOf({ op: 'seen', askedAt: 5000, timers: [['w1', 'alive']] }), [
      'w1 was shown alive 4991 ms after its death',
    ])
    assert.deepEqual(violationsOf({ op: 'seen', askedAt: 500, timers: [['w1', 'alive']] }), [])
  })
})
