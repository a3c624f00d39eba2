// What is believed of what others wrote.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  isAmount,
  isCapability,
  isCount,
  isIntegerFrom,
  isName,
  isPageName,
  isRecord,
  isRunName,
  isTimerId,
  isTooDeep,
  MAX_COUNT,
  MAX_DEPTH,
  MAX_RECORD_BYTES,
  parseItemId,
  parseJson,
  parseRecord,
} from '../../lib/util/bounds'

/** No number at all, or one that no arithmetic is safe with. */
const NO_NUMBERS = [-1, 2 ** 53, 1e300, NaN, Infinity, -Infinity, '1', null, undefined, [1], {}, true, 1n]

describe('Bounds of numbers', () => {
  it('are whole from nothing to the most that was named', () => {
    for (const value of [0, 1, 7]) assert.ok(isCount(value, 7), String(value))
    for (const value of [...NO_NUMBERS, 0.5, 8]) assert.ok(!isCount(value, 7), String(value))
    assert.ok(isCount(MAX_COUNT) && !isCount(MAX_COUNT + 1))
    assert.ok(Number.isSafeInteger(MAX_COUNT + 1), 'one step more is still exact')
  })

  it('are whole and not too few either, where that was asked for', () => {
    for (const value of [2, 3, 4]) assert.ok(isIntegerFrom(value, 2, 4))
    for (const value of [1, 5, 2.5, ...NO_NUMBERS]) assert.ok(!isIntegerFrom(value, 2, 4), String(value))
    assert.ok(isIntegerFrom(-5, -5, 0) && !isIntegerFrom(-6, -5, 0))
  })

  it('may be broken where an amount is meant', () => {
    for (const value of [0, 0.5, 7]) assert.ok(isAmount(value, 7))
    for (const value of [...NO_NUMBERS, 7.1]) assert.ok(!isAmount(value, 7), String(value))
    assert.ok(isAmount(Number.MAX_SAFE_INTEGER) && !isAmount(2 ** 53))
  })
})

describe('Bounds of names', () => {
  const PATHS = [
    '',
    '.',
    '..',
    '../x',
    'a/b',
    '/',
    'a\0',
    'a\nb',
    '\x1b[2J',
    'a b',
    '\u202e',
    'é',
    '../../fifo9',
  ]
  const NOT_TEXT = [undefined, null, 7, ['p'], {}]

  it('let no path, control character or other text through', () => {
    for (const name of [...PATHS, ...NOT_TEXT]) {
      for (const is of [isName, isPageName, isRunName, isCapability]) {
        assert.ok(!is(name), `${is.name} ${JSON.stringify(name)}`)
      }
      if (typeof name === 'string') assert.equal(parseItemId(`${name}-1`), undefined, JSON.stringify(name))
    }
    for (const name of ['x'.repeat(129), 'x\n', 'x/..']) assert.ok(!isName(name))
    for (const name of ['x'.repeat(65), 'p.1', 'p\n']) assert.ok(!isPageName(name))
  })

  it('take what a queue makes', () => {
    for (const name of ['w.1~0123456789ab', "a!'()*-_%20~f00", '...', 'x'.repeat(128)])
      assert.ok(isName(name))
    for (const name of ['p00000', 'a0123456789ab00000', 'x'.repeat(64)]) assert.ok(isPageName(name))
    assert.ok(
      isRunName('0123456789abcdef') && !isRunName('0123456789abcde') && !isRunName('0123456789ABCDEF'),
    )
    assert.ok(
      isCapability('0f'.repeat(16)) && !isCapability('0f'.repeat(17)) && !isCapability('0g'.repeat(16)),
    )
    assert.deepEqual(parseItemId('p00001-999'), { page: 'p00001', index: 999 })
    for (const id of ['p1', 'p1-', '-1', 'p1-1000', 'p1-01', 'p1-1e2', 'p1- 1', 'p1-1\n']) {
      assert.equal(parseItemId(id), undefined, id)
    }
    assert.deepEqual(parseItemId('a-b-0'), { page: 'a-b', index: 0 })
  })

  it('take any id of a worker that a queue takes', () => {
    for (const id of ['w', 'é', '\x1b', 'x'.repeat(1024), 'é'.repeat(512)]) assert.ok(isTimerId(id))
    for (const id of ['', 'a\0', 'x'.repeat(1025), 'é'.repeat(513), ...NOT_TEXT]) assert.ok(!isTimerId(id))
  })
})

describe('JSON of others', () => {
  const nested = (depth: number, open = '[', close = ']', inner = '') =>
    Buffer.from(open.repeat(depth) + inner + close.repeat(depth))

  it('may be as deep as the limit, and no deeper, of lists and of objects', () => {
    for (const [open, close, inner] of [
      ['[', ']', ''],
      ['{"a":', '}', '1'],
      ['[{"b":', '}]', 'null'],
      [' [\n', ']', '"["'],
    ] as const) {
      const each = open.replace(/[^[{]/g, '').length
      assert.doesNotThrow(() => parseJson(nested(MAX_DEPTH / each, open, close, inner)), open)
      assert.throws(() => parseJson(nested(MAX_DEPTH / each + 1, open, close, inner)), {
        name: 'SyntaxError',
        message: /nested deeper than 512 levels/,
      })
    }
  })

  it('is counted by its brackets, not by those in its texts', () => {
    const brackets = '[{'.repeat(2 * MAX_DEPTH)
    for (const text of [
      brackets,
      `\\"${brackets}`,
      `${brackets}\\\\`,
      `\\\\\\"${brackets}`,
      `é${brackets}`,
    ]) {
      assert.ok(!isTooDeep(Buffer.from(`["${text}", [], {}]`)), text.slice(0, 8))
    }
    // A text that ends hides nothing after it.
    assert.ok(isTooDeep(Buffer.from(`["\\\\", ${'['.repeat(2 * MAX_DEPTH)}`)))
    const wide = Buffer.from(`[${'[],{},'.repeat(5000)}[]]`)
    assert.ok(!isTooDeep(wide))
    assert.ok(!isTooDeep(Buffer.from(`"${'['.repeat(5000)}`)), 'a text without an end is no JSON anyway')
  })

  it('is judged as a walk over the value would, whatever it is', () => {
    const depth = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0
    const wrapped = fc.tuple(fc.jsonValue(), fc.integer({ min: 500, max: 520 }), fc.boolean())
    fc.assert(
      fc.property(wrapped, ([value, levels, asList]) => {
        const [open, close] = asList ? ['["]",', ']'] : ['{"}\\"":', '}']
        const json = open.repeat(levels) + JSON.stringify(value) + close.repeat(levels)
        assert.equal(isTooDeep(Buffer.from(json)), levels + depth(value) > MAX_DEPTH)
      }),
      { numRuns: 300 },
    )
  })

  it('that is ten million deep is refused after its first hundred brackets', () => {
    let looked = 0
    const bytes = new Proxy(Buffer.alloc(0), {
      get(_, key) {
        if (key === 'length') return 10_000_000
        looked++
        return 0x5b
      },
    })

    assert.ok(isTooDeep(bytes))
    assert.equal(looked, MAX_DEPTH + 1)
  })

  it('that can be taken can be written again, indented too', () => {
    const value = parseJson(nested(MAX_DEPTH))

    assert.doesNotThrow(() => JSON.stringify(value, undefined, 2))
  })

  it('is a record only as an object of some length', () => {
    assert.deepEqual(parseRecord(Buffer.from('{"a":1}')), { a: 1 })
    for (const text of ['', 'null', '[]', '1', '"x"', '{', '{"a":1}x', '\ufeff{}']) {
      assert.equal(parseRecord(Buffer.from(text)), undefined, text)
    }
    // What a column of a database may hold in the place of bytes.
    for (const other of ['{"a":1}', 7, null, undefined, {}]) assert.equal(parseRecord(other), undefined)
    assert.equal(parseRecord(nested(MAX_DEPTH + 1, '{"a":', '}', '1')), undefined)
    const long = Buffer.alloc(MAX_RECORD_BYTES + 1, ' ')
    long.write('{}')
    assert.equal(parseRecord(long), undefined)
    assert.deepEqual(parseRecord(long.subarray(0, -1)), {})
    assert.ok(isRecord({}) && !isRecord([]) && !isRecord(null) && !isRecord('x'))
  })
})
