// The status of a request as it is written by hand, against what JSON.stringify makes of the same.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  connectionPiece,
  numbersPiece,
  oldestPiece,
  type RequestPieces,
  StatusText,
  shortPath,
} from '../../lib/http/request-json'

/** Whatever a string can hold: quotes, control characters, halves of surrogate pairs, any script. */
const unit = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  fc.constantFrom('"', '\\', '/', '\n', '\0', '\x7f', '\u2028', '\ud83d\ude00', '\ud83d', '\ude00', 'é', 'a'),
)
const hostile = (maxLength: number) =>
  fc.oneof(
    fc.array(unit, { maxLength }).map((units) => units.join('').slice(0, maxLength)),
    fc.webPath().map((path) => path.slice(0, maxLength)),
  )
const state = fc.constantFrom('reading', 'working', 'writing', 'keep-alive', 'waiting')
const number = fc.maxSafeNat()

const request = fc.record({
  state,
  method: hostile(32),
  path: hostile(320),
  host: fc.option(hostile(128), { nil: undefined }),
  remoteAddress: fc.option(hostile(128), { nil: undefined }),
  inFlight: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 999_999_999 })),
  since: number,
  oldest: fc.option(fc.record({ method: hostile(32), path: hostile(320), since: number }), {
    nil: undefined,
  }),
  requests: number,
  bytes: number,
})

/** UTF-8 has no halves of pairs, but JSON has a way to write them. */
function expected({ host, remoteAddress, oldest, ...rest }: Record<string, unknown>): unknown {
  return JSON.parse(JSON.stringify({ ...rest, host, remoteAddress, oldest, protocol: 'HTTP/1.1' }))
}

function piecesOf({ method, path, host, remoteAddress }: Record<string, unknown>): RequestPieces {
  return {
    method: method as string,
    path: path as string,
    connection: connectionPiece(host as string, remoteAddress as string, '1.1'),
  }
}

describe('The text of a request status', () => {
  it('is what JSON.stringify would say, whatever the requests before were', () => {
    const text = new StatusText()

    fc.assert(
      fc.property(request, (status) => {
        const { oldest } = status
        const piece =
          oldest === undefined
            ? ''
            : oldestPiece({ ...oldest, connection: '' } as RequestPieces, oldest.since)
        const numbers = numbersPiece(status.since, piece, status.requests, status.bytes)

        text.forget()
        const length = text.write(status.state, piecesOf(status), status.inFlight, numbers)

        assert.deepEqual(JSON.parse(text.bytes.toString('utf8', 0, length)), expected(status))
      }),
      { numRuns: 300 },
    )
  })

  it('changes in what has changed, and says when nothing has', () => {
    const text = new StatusText()
    const few = fc.record({
      state: fc.constantFrom('reading', 'working'),
      method: fc.constantFrom('GET', 'POST'),
      path: fc.constantFrom('/', '/a', '/"', '/a/long/one', 'é'),
      host: fc.constantFrom('a', 'b:80'),
      remoteAddress: fc.constant('127.0.0.1'),
      inFlight: fc.constantFrom(1, 2, 10, 1000),
      since: fc.constantFrom(1, 2),
      requests: fc.constant(7),
      bytes: fc.constant(8),
    })
    let last: unknown
    let length = 0

    fc.assert(
      fc.property(few, (status) => {
        const numbers = numbersPiece(status.since, '', status.requests, status.bytes)

        const written = text.write(status.state, piecesOf(status), status.inFlight, numbers)
        if (written > 0) length = written

        assert.equal(written === 0, JSON.stringify(status) === last)
        assert.deepEqual(JSON.parse(text.bytes.toString('utf8', 0, length)), expected(status))
        last = JSON.stringify(status)
      }),
      { numRuns: 1000 },
    )
  })

  it('is written anew after the numbers alone, or after it was forgotten', () => {
    const text = new StatusText()
    const pieces = piecesOf({ method: 'GET', path: '/', host: 'a', remoteAddress: 'b' })
    const write = () => text.write('working', pieces, 1, numbersPiece(1, '', 2, 3))
    const length = write()
    const repeated = write()

    const alone = text.writeNumbers('waiting', 0, numbersPiece(1, '', 2, 3))
    const numbers = JSON.parse(text.bytes.toString('utf8', 0, alone))
    const again = write()
    text.forget()
    const andAgain = write()

    assert.deepEqual(numbers, { state: 'waiting', since: 1, requests: 2, bytes: 3, inFlight: 0 })
    assert.deepEqual([repeated, again, andAgain], [0, length, length])
  })

  it('cuts what is too long, so that the longest fits into its buffer', () => {
    const text = new StatusText()
    const long = '\0'.repeat(10_000)
    const pieces = piecesOf({ method: long, path: shortPath(long), host: long, remoteAddress: long })
    const numbers = numbersPiece(2 ** 53, oldestPiece(pieces, 2 ** 53), 2 ** 53, 2 ** 53)

    const length = text.write('keep-alive', pieces, 999_999_999, numbers)

    const status = JSON.parse(text.bytes.toString('utf8', 0, length))
    assert.deepEqual([status.path.length, status.oldest.path.length, status.host.length], [320, 320, 128])
    assert.ok(length < text.bytes.length)
  })
})
