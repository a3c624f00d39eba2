// A status as bytes, and back.

import assert from 'node:assert/strict'
import vm from 'node:vm'
import { decodeStatus, Encoding, encodeStatus, isBytes, previewOf, toJson } from '../../lib/scoreboard/codec'
import type { Status } from '../../lib/scoreboard/types'

/** A message as `toJson` begins it; what came stands behind it. */
const EXPECTED = 'Expected a status to be a string, a Uint8Array or a JSON value, got '

const KIB = 1024
/** Beyond this a text gets a buffer of its own: three bytes for each of its characters might not fit into the shared one. */
const SHARED_CHARACTERS = Math.floor((1024 * KIB) / 3)

describe('The encoding of a status', () => {
  it('is UTF-8 of text, the bytes themselves, or the UTF-8 of JSON', () => {
    const cases: [status: Status, encoding: number, bytes: Uint8Array][] = [
      ['plain', Encoding.utf8, Buffer.from('plain')],
      ['', Encoding.utf8, Buffer.alloc(0)],
      ['ü€😀', Encoding.utf8, Buffer.from([0xc3, 0xbc, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80])],
      [new Uint8Array([0, 255]), Encoding.bytes, Buffer.from([0, 255])],
      [{ a: [1, null, true, 'ü'] }, Encoding.json, Buffer.from('{"a":[1,null,true,"ü"]}')],
      [null, Encoding.json, Buffer.from('null')],
      [0, Encoding.json, Buffer.from('0')],
    ]
    for (const [status, encoding, bytes] of cases) {
      const encoded = encodeStatus(status)

      assert.equal(encoded.encoding, encoding)
      assert.deepEqual(Buffer.from(encoded.bytes), Buffer.from(bytes))
      assert.deepEqual(
        decodeStatus(Buffer.from(encoded.bytes), encoding),
        status instanceof Uint8Array ? Buffer.from(status) : status,
      )
    }
  })

  it('is the numbers that the core has', () => {
    assert.deepEqual({ ...Encoding }, { utf8: 0, ascii: 1, bytes: 2, json: 3 })
  })

  it('takes that part of a buffer that the status is', () => {
    const part = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)

    assert.deepEqual(encodeStatus(part).bytes, Buffer.from([2, 3]))
  })

  it('holds texts of any length, around what is shared and what is not', () => {
    const { encodeStatus } = freshCodec()
    const lengths = [0, 1, 100, 5000, 100, SHARED_CHARACTERS - 1, SHARED_CHARACTERS, SHARED_CHARACTERS + 1]
    for (const length of lengths) {
      const text = '€'.repeat(length)

      const { bytes } = encodeStatus(text)

      assert.ok(bytes.equals(Buffer.from(text)), `${length} characters`)
    }
  })

  it('shares one buffer between texts, with room for longer ones, and keeps none that is huge', () => {
    const { encodeStatus } = freshCodec()
    const bufferFor = (length: number) => encodeStatus('x'.repeat(length)).bytes.buffer

    const [first, twice, more, longest, huge, after] = [
      bufferFor(1000),
      bufferFor(2000),
      bufferFor(2001),
      bufferFor(SHARED_CHARACTERS),
      bufferFor(SHARED_CHARACTERS + 1),
      bufferFor(1),
    ]

    assert.equal(first, twice)
    assert.notEqual(twice, more)
    assert.notEqual(longest, huge)
    assert.equal(longest, after)
    assert.deepEqual([first?.byteLength, more?.byteLength, after?.byteLength], [6000, 12_006, 1024 * KIB])
  })
})

/** A codec whose shared buffer nobody has used yet. */
function freshCodec(): typeof import('../../lib/scoreboard/codec') {
  const file = require.resolve('../../lib/scoreboard/codec')
  const known = require.cache[file]
  delete require.cache[file]
  try {
    return require(file)
  } finally {
    require.cache[file] = known
  }
}

describe('The decoding of a status', () => {
  it('takes ASCII as it is, and text for UTF-8 under any other number', () => {
    const bytes = Buffer.from('é')

    assert.equal(decodeStatus(Buffer.from('abc'), Encoding.ascii), 'abc')
    assert.equal(decodeStatus(bytes, Encoding.ascii), 'Ã©')
    assert.equal(decodeStatus(bytes, Encoding.utf8), 'é')
    assert.equal(decodeStatus(bytes, 200), 'é')
  })

  it('copies bytes: the buffer of the board is used again', () => {
    const board = Buffer.from([1, 2])

    const status = decodeStatus(board, Encoding.bytes)
    board[0] = 9

    assert.deepEqual(status, Buffer.from([1, 2]))
  })

  it('says so when JSON is none', () => {
    assert.throws(() => decodeStatus(Buffer.from('{'), Encoding.json), SyntaxError)
  })

  it('shows the first 64 bytes of what cannot be shown whole, or nothing', () => {
    assert.equal(previewOf(Buffer.from('x'.repeat(70))), 'x'.repeat(64))
    assert.equal(previewOf(Buffer.from('short')), 'short')
    assert.equal(previewOf(Buffer.alloc(0)), undefined)
  })
})

describe('A status that is bytes', () => {
  it('is a Uint8Array or of a subclass, of this realm or another', () => {
    assert.ok(isBytes(new Uint8Array(1)))
    assert.ok(isBytes(Buffer.from('x')))
    assert.ok(isBytes(vm.runInNewContext('new Uint8Array(1)')))
    for (const other of ['x', null, [1], new Uint16Array(1), new DataView(new ArrayBuffer(1))]) {
      assert.ok(!isBytes(other))
    }
  })
})

describe('A status that is JSON', () => {
  it('is written as JSON.stringify has it', () => {
    const members = { date: new Date(0), gone: undefined, call: () => 1, nan: Number.NaN }

    assert.equal(toJson(members), '{"date":"1970-01-01T00:00:00.000Z","nan":null}')
    assert.equal(toJson(null), 'null')
    assert.equal(toJson(false), 'false')
    assert.equal(toJson(-0.5), '-0.5')
  })

  it('is none where JSON would silently be something else, and says what came', () => {
    const cases: [status: unknown, got: string][] = [
      [undefined, 'undefined'],
      [() => 1, 'a function'],
      [Symbol('s'), 'Symbol(s) (symbol)'],
      [Number.NaN, 'NaN (number)'],
      [Number.NEGATIVE_INFINITY, '-Infinity (number)'],
      [new Map(), 'an instance of Map'],
      [new Set(), 'an instance of Set'],
      [new WeakMap(), 'an instance of WeakMap'],
      [new WeakSet(), 'an instance of WeakSet'],
      [Promise.resolve(), 'an instance of Promise'],
      [new ArrayBuffer(8), 'an instance of ArrayBuffer'],
      [new SharedArrayBuffer(8), 'an instance of SharedArrayBuffer'],
      [new Float64Array(1), 'an instance of Float64Array'],
      [new DataView(new ArrayBuffer(1)), 'an instance of DataView'],
    ]
    for (const [status, got] of cases) {
      assert.throws(
        () => toJson(status),
        (error) => error instanceof TypeError && error.message === EXPECTED + got && !('cause' in error),
        got,
      )
    }
  })

  it('is none where it cannot be written, and says why in a line', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const broken = new Error('first line\nsecond line')
    const throwing = (thrown: unknown) => ({
      toJSON() {
        throw thrown
      },
    })
    const cases: [status: unknown, ending: RegExp][] = [
      [1n, /got 1 \(bigint\), which cannot be written as JSON: Do not know how to serialize a BigInt$/],
      [[1n], /got an instance of Array, which cannot be written as JSON: Do not know how/],
      [
        cycle,
        /got an instance of Object, which cannot be written as JSON: Converting circular structure to JSON$/,
      ],
      [throwing(broken), /which cannot be written as JSON: first line$/],
      [throwing('text'), /which cannot be written as JSON: text$/],
    ]
    for (const [status, ending] of cases) {
      assert.throws(
        () => toJson(status),
        (error) =>
          error instanceof TypeError &&
          error.message.startsWith(EXPECTED) &&
          ending.test(error.message) &&
          'cause' in error,
      )
    }
    assert.throws(
      () => toJson(throwing(broken)),
      (error) => error instanceof TypeError && error.cause === broken,
    )
    assert.throws(() => toJson({ toJSON: () => undefined }), { message: `${EXPECTED}an instance of Object` })
  })
})
