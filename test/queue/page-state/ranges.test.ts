// Sets of numbers as ranges.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import * as ranges from '../../../lib/queue/page-state/ranges'
import { spans } from '../../support/page-model'

const LIMIT = 24

const span = fc
  .tuple(fc.nat(LIMIT - 1), fc.nat(LIMIT - 1))
  .map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b) + 1])

/** The same numbers as ranges and as a plain set. */
const pair = fc.uniqueArray(fc.nat(LIMIT - 1)).map((some) => {
  const numbers = some.sort((a, b) => a - b)
  return { numbers: new Set(numbers), found: spans(numbers) }
})

const all = Array.from({ length: LIMIT }, (_, i) => i)
const within = ([from, to]: readonly [number, number]) => all.filter((i) => i >= from && i < to)

describe('Ranges of item numbers', () => {
  it('are a set of numbers, counted, asked and listed', () => {
    fc.assert(
      fc.property(pair, ({ numbers, found }) => {
        assert.equal(ranges.size(found), numbers.size)
        assert.deepEqual([...ranges.numbers(found)], [...numbers])
        assert.deepEqual(
          all.filter((i) => ranges.has(found, i)),
          [...numbers],
        )
      }),
    )
  })

  it('stay sorted, disjoint and as few as can be, whatever is added', () => {
    fc.assert(
      fc.property(pair, span, ({ numbers, found }, added) => {
        const expected = all.filter((i) => numbers.has(i) || within(added).includes(i))

        assert.deepEqual(ranges.add(found, ...added), spans(expected))
      }),
      { numRuns: 1000 },
    )
  })

  it('lose what is removed, and nothing else', () => {
    fc.assert(
      fc.property(pair, span, ({ numbers, found }, removed) => {
        const expected = all.filter((i) => numbers.has(i) && !within(removed).includes(i))

        assert.deepEqual(ranges.remove(found, ...removed), spans(expected))
      }),
      { numRuns: 1000 },
    )
  })

  it('leave gaps, which are all that is not in the set', () => {
    fc.assert(
      fc.property(pair, span, ({ numbers, found }, where) => {
        const expected = within(where).filter((i) => !numbers.has(i))

        assert.deepEqual(ranges.gaps(found, ...where), spans(expected))
      }),
      { numRuns: 500 },
    )
  })
})
