// The state of a page as bytes, and back.

import assert from 'node:assert/strict'
import { decodeState, encodeState } from '../../../lib/queue/page-state/codec'
import {
  MAX_CONSUMERS,
  MAX_REVOKED,
  newState,
  type PageState,
} from '../../../lib/queue/page-state/page-state'

/** Something in every place: items 0, 2, 3 leased, 4 and 5 in retry, 6 suspect, 7 dead, 1, 8 done, 9 delayed, 10 and 11 fresh. */
const lively = (): PageState => ({
  size: 12,
  cursor: 10,
  claims: [
    {
      token: 't',
      from: 0,
      to: 4,
      wid: 'w',
      fence: 1,
      attempts: 0,
      suspect: false,
      log: 0,
      settled: [[1, 2]],
    },
  ],
  retry: [{ from: 4, to: 6, attempts: 1 }],
  suspects: [{ from: 6, to: 7, attempts: 0 }],
  delayed: [{ from: 9, to: 10, attempts: 2, until: 1000 }],
  done: 2,
  dead: [[7, 8]],
  revoked: [
    {
      token: 'r',
      settled: [
        [0, 1],
        [8, 9],
      ],
    },
  ],
  consumed: { h: [1, 9] },
  fence: 5,
  returned: 3,
  failed: 4,
})

const fields = Object.keys(lively()) as (keyof PageState)[]

function decoded(value: unknown): PageState | undefined {
  return decodeState(Buffer.from(JSON.stringify(value)))
}

/** What is no count. */
const NO_COUNTS = [-1, 0.5, 2 ** 53, '1', null, undefined, [1]]
/** What are no ranges of items below 10, each of one item or none. */
const NO_RANGES = [null, 7, 'x', {}, [7], [null], [{ length: 2 }], [[7]], [[7, 8, 9]], [['7', '8']]]

describe('The state of a page as bytes', () => {
  it('comes back as it was, new or in the middle of its life, from anywhere in a buffer', () => {
    const bytes = Buffer.concat([Buffer.from('before'), encodeState(lively()), Buffer.from('after')])

    assert.deepEqual(decodeState(bytes.subarray(6, -5)), lively())
    assert.deepEqual(decodeState(new Uint8Array(bytes).subarray(6, -5)), lively())
    assert.deepEqual(decodeState(encodeState(newState(3))), newState(3))
    assert.doesNotMatch(
      encodeState(newState(3)).toString(),
      /delayed|failed/,
      'older versions know such a state',
    )
    const [claim] = lively().claims
    const full = {
      ...lively(),
      claims: [{ ...claim!, log: 2 ** 32 - 1 }],
      revoked: revokedClaims(MAX_REVOKED),
    }
    assert.deepEqual(decodeState(encodeState(full)), full)
  })

  it('may hold ranges that touch', () => {
    const touching = {
      ...lively(),
      dead: [
        [7, 8],
        [8, 9],
      ],
      done: 1,
    }
    assert.deepEqual(decoded(touching), touching)
  })

  it('is none where the bytes are no JSON, or not that of an object with all fields', () => {
    for (const bytes of ['', 'no json', 'null', '7', '"x"', '[]', '{}', '{"size":1,"cursor":2}']) {
      assert.equal(decodeState(Buffer.from(bytes)), undefined, bytes)
    }
    // Older versions do not count what has failed.
    const always = fields.filter((field) => field !== 'failed')
    for (const field of always) assert.equal(decoded({ ...lively(), [field]: undefined }), undefined, field)
    assert.deepEqual(decoded({ ...lively(), failed: undefined }), { ...lively(), failed: 0 })
    for (const field of fields) assert.equal(decoded({ ...lively(), [field]: null }), undefined, field)
  })

  /** Each leaves the sum of all places as it is, so that only the check that is meant can refuse it. */
  const damages: [what: string, changes: Iterable<object>][] = [
    ['counts that are none', combine(['size', 'cursor', 'done', 'fence', 'returned'], NO_COUNTS)],
    ['a cursor beyond the end', [{ size: 9 }]],
    ['claims that are no list', combine(['claims'], [7, 'xy', {}], { done: 5 })],
    ['a claim that is none', [null, 7, []].map((one) => ({ claims: [...lively().claims, one] }))],
    [
      'a claim of items that were never leased',
      [withClaim({ from: 10, to: 13, settled: [] }), withClaim({ from: 9, to: 12, settled: [] })],
    ],
    [
      'a claim of no item, or fewer',
      [
        { ...withClaim({ from: 4, to: 4, settled: [] }), done: 5 },
        { ...withClaim({ from: 4, to: 3, settled: [] }), done: 6 },
      ],
    ],
    ['a claim from or to nowhere', [...withClaims('from', NO_COUNTS), ...withClaims('to', NO_COUNTS)]],
    [
      'a claim that settled what is not its own',
      [withClaim({ from: 1, to: 5, settled: [[0, 1]] }), withClaim({ settled: [[4, 5]] })],
    ],
    ['a claim that settled no ranges', withClaims('settled', NO_RANGES)],
    ['a claim without a name', withClaims('token', [undefined, 7, null])],
    [
      'two claims of one name',
      [{ claims: [...lively().claims, { ...lively().claims[0], from: 4, to: 6, settled: [] }], retry: [] }],
    ],
    ['a claim without a holder', withClaims('wid', [undefined, 7, null])],
    ['a claim that may or may not be of a suspect', withClaims('suspect', [undefined, 0, 'no'])],
    ['a claim without a fence', withClaims('fence', NO_COUNTS)],
    ['a claim without attempts', withClaims('attempts', NO_COUNTS)],
    ['a claim that may or may not have a log', withClaims('log', NO_COUNTS)],
    ['waiting items that are no list', combine(['retry'], [7, 'xy', {}], { done: 4 })],
    ['suspects that are no list', combine(['suspects'], [7, 'xy', {}], { done: 3 })],
    [
      'waiting items that are none',
      [null, 7, [], { from: 4, to: 4, attempts: 0 }].map((one) => ({
        retry: [{ from: 4, to: 6, attempts: 1 }, one],
      })),
    ],
    [
      'waiting items that were never leased',
      [
        { retry: [{ from: 9, to: 11, attempts: 1 }] },
        { suspects: [{ from: 10, to: 11, attempts: 1 }] },
        { retry: [{ from: -2, to: 0, attempts: 1 }] },
      ],
    ],
    [
      'waiting items with attempts that are no count',
      NO_COUNTS.flatMap((attempts) => [
        { retry: [{ from: 4, to: 6, attempts }] },
        { suspects: [{ from: 6, to: 7, attempts }] },
      ]),
    ],
    ['delayed items that are no list', combine(['delayed'], [7, 'xy', {}, null], { done: 3 })],
    [
      'delayed items that are none',
      [null, 7, [], { from: 9, to: 9, attempts: 0, until: 1 }].map((one) => ({
        delayed: [{ from: 9, to: 10, attempts: 2, until: 1000 }, one],
      })),
    ],
    [
      'delayed items without a time',
      [...NO_COUNTS.filter((until) => until !== 0.5), 8.7e15].map((until) => ({
        delayed: [{ from: 9, to: 10, attempts: 2, until }],
      })),
    ],
    [
      'delayed items out of order',
      [
        {
          delayed: [
            { from: 9, to: 10, attempts: 0, until: 2 },
            { from: 8, to: 9, attempts: 0, until: 1 },
          ],
          done: 1,
        },
      ],
    ],
    [
      'more claims than items were leased',
      [
        {
          claims: Array.from({ length: 11 }, (_, i) => ({
            ...lively().claims[0],
            token: `t${i}`,
            ...(i === 0 ? {} : { settled: [[0, 4]] }),
          })),
        },
      ],
    ],
    ['a claim with a log beyond 32 bits', withClaims('log', [2 ** 32])],
    ['more revoked claims than are remembered', [{ revoked: revokedClaims(MAX_REVOKED + 1) }]],
    ['dead items that are no ranges', combine(['dead'], NO_RANGES, { done: 3 })],
    ['a dead item that was never leased', [{ dead: [[10, 11]] }]],
    [
      'dead items twice, or out of order',
      [
        {
          dead: [
            [7, 8],
            [7, 8],
          ],
          done: 1,
        },
        {
          dead: [
            [8, 9],
            [7, 8],
          ],
          done: 1,
        },
      ],
    ],
    ['revoked claims that are no list', combine(['revoked'], [7, 'xy', {}])],
    ['a revoked claim that is none', [null, 7, []].map((r) => ({ revoked: [r] }))],
    ['a revoked claim without a token', [undefined, 7, null].map((token) => withRevoked({ token }))],
    ['a revoked claim that settled no ranges', NO_RANGES.map((settled) => withRevoked({ settled }))],
    ['a revoked claim that settled what was never leased', [withRevoked({ settled: [[10, 11]] })]],
    ['consumptions that are no record', combine(['consumed'], [7, '', []])],
    [
      'a consumption that is none',
      [null, 7, 'xy', {}, { length: 2 }, [1], [1, 2, 3], [1, -1], [-1, 1], [1, 10]].map((h) => ({
        consumed: { h },
      })),
    ],
    ['more consumers than are remembered', [{ consumed: consumers(MAX_CONSUMERS + 1) }]],
    ['an item too many, or too few', [{ done: 3 }, { done: 1 }, { cursor: 11 }]],
  ]
  for (const [what, changes] of damages) {
    it(`is none with ${what}`, () => {
      for (const change of changes) {
        assert.equal(decoded({ ...lively(), ...change }), undefined, JSON.stringify(change))
      }
    })
  }
})

function revokedClaims(count: number): PageState['revoked'] {
  return Array.from({ length: count }, (_, i) => ({ token: `r${i}`, settled: [] }))
}

function consumers(count: number): PageState['consumed'] {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`h${i}`, [1, 9] as const]))
}

/** Each field with each value, and the other changes that keep the sum. */
function combine(names: string[], values: unknown[], others: object = {}): object[] {
  return names.flatMap((name) => values.map((value) => ({ [name]: value, ...others })))
}

function withClaim(change: object): object {
  return { claims: [{ ...lively().claims[0], ...change }] }
}

function withClaims(name: string, values: unknown[]): object[] {
  return values.map((value) => withClaim({ [name]: value }))
}

function withRevoked(change: object): object {
  return { revoked: [{ ...lively().revoked[0], ...change }] }
}
