// What a caller can get wrong, and what it is told.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { Scoreboard, type Status } from '../../lib'
import { tempDir } from '../support/temp-dir'

describe('new Scoreboard(), given something wrong', () => {
  const nowhere = '/nonexistent/rollcall'
  const wrong: [options: unknown, type: typeof TypeError | typeof RangeError, message: RegExp][] = [
    [undefined, TypeError, /options of a Scoreboard to be an object, got undefined/],
    ['/tmp', TypeError, /to be an object, got '\/tmp' \(string\)/],
    [{}, TypeError, /'baseDir' to be a path, got undefined/],
    [{ baseDir: 1 }, TypeError, /'baseDir' to be a path, got 1 \(number\)/],
    [{ baseDir: '' }, RangeError, /'baseDir'/],
    [{ baseDir: 'a\0b' }, RangeError, /'baseDir'/],
    [{ baseDir: nowhere, slotz: 3 }, TypeError, /Unknown option 'slotz'.*did you mean 'slots'\?/],
    [{ baseDir: nowhere, baseDri: 3 }, TypeError, /Unknown option 'baseDri'.*did you mean 'baseDir'\?/],
    [{ baseDir: nowhere, qqqqqqq: 3 }, TypeError, /Unknown option 'qqqqqqq'.*known are baseDir, workerId/],
    [
      { baseDir: nowhere, slots: '7' },
      TypeError,
      /'slots' to be an integer from 1 to 65535, got '7' \(string\)/,
    ],
    [
      { baseDir: nowhere, slots: 0 },
      RangeError,
      /'slots' to be an integer from 1 to 65535, got 0 \(number\)/,
    ],
    [{ baseDir: nowhere, slots: 65536 }, RangeError, /'slots'/],
    [{ baseDir: nowhere, slots: 1.5 }, RangeError, /'slots'/],
    [{ baseDir: nowhere, slots: Number.NaN }, RangeError, /'slots'/],
    [
      { baseDir: nowhere, inlineBytes: 10 },
      RangeError,
      /'inlineBytes' to be an integer from 64 to 1048576, got 10/,
    ],
    [{ baseDir: nowhere, maxStatusBytes: -1 }, RangeError, /'maxStatusBytes'/],
    [
      { baseDir: nowhere, workerId: 1 },
      TypeError,
      /'workerId' to be 1 to 128 bytes of UTF-8 without NUL, got 1/,
    ],
    [{ baseDir: nowhere, workerId: '' }, RangeError, /'workerId'/],
    [{ baseDir: nowhere, workerId: 'a\0' }, RangeError, /'workerId'/],
    [{ baseDir: nowhere, workerId: 'x'.repeat(129) }, RangeError, /'workerId'/],
    [{ baseDir: nowhere, workerId: 'é'.repeat(65) }, RangeError, /'workerId'/],
    [{ baseDir: nowhere, workerId: '\ud800' }, RangeError, /'workerId'/],
    [{ baseDir: nowhere, readOnly: 'yes' }, TypeError, /'readOnly' to be a boolean, got 'yes' \(string\)/],
    [{ baseDir: nowhere, mode: 0o1777 }, RangeError, /'mode'/],
    [{ baseDir: nowhere, mode: 0o400 }, RangeError, /'mode' to let the owner read and write/],
    [{ baseDir: nowhere, counters: ['a'] }, TypeError, /'counters' to be an object/],
    [
      { baseDir: nowhere, counters: { a: 'sum' } },
      TypeError,
      /counter 'a'.*to be 'counter' or 'gauge', got 'sum'/,
    ],
    [{ baseDir: nowhere, counters: { '': 'gauge' } }, RangeError, /names in option 'counters'/],
    [
      { baseDir: nowhere, counters: { '\ud800': 'gauge' } },
      RangeError,
      /names in option 'counters' to be 1 to/,
    ],
    [{ baseDir: nowhere, sharedCounters: 'a' }, TypeError, /'sharedCounters' to be an array/],
    [{ baseDir: nowhere, sharedCounters: ['a', 'a'] }, RangeError, /differ from each other/],
    [
      { baseDir: nowhere, sharedCounters: Array.from({ length: 65 }, (_, i) => `${i}`) },
      RangeError,
      /at most 64/,
    ],
  ]
  for (const [options, type, message] of wrong) {
    it(`says ${message.source}`, () => {
      assert.throws(
        () => new Scoreboard(options as never),
        (error) => error instanceof type && message.test(error.message),
      )
      assert.ok(!fs.existsSync(nowhere))
    })
  }
})

describe('update(), given what is no status', () => {
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  const wrong: [name: string, status: unknown][] = [
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a BigInt', 1n],
    ['a BigInt inside', { deep: [1n] }],
    ['a cycle', cycle],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a Map', new Map()],
    ['a Set', new Set()],
    ['a Promise', Promise.resolve()],
    ['an ArrayBuffer', new ArrayBuffer(8)],
    ['a Float64Array', new Float64Array(1)],
    ['a DataView', new DataView(new ArrayBuffer(1))],
    ['an object whose toJSON throws', { toJSON: () => assert.fail('no JSON of me') }],
    ['an object whose toJSON gives nothing', { toJSON: () => undefined }],
  ]
  for (const [name, status] of wrong) {
    it(`refuses ${name}, and the status before stays`, () => {
      using board = new Scoreboard({ baseDir: tempDir(), workerId: 'w' })
      board.update('before')

      assert.throws(
        () => board.update(status as Status),
        (error) =>
          error instanceof TypeError &&
          /^Expected a status to be a string, a Uint8Array or a JSON value, got /.test(error.message),
      )

      const [entry] = board.snapshot().workers
      assert.deepEqual([entry!.status, entry!.updates], ['before', 1])
    })
  }
})

describe('snapshot(), given something wrong', () => {
  it('says what', () => {
    using board = new Scoreboard({ baseDir: tempDir() })

    assert.throws(() => board.snapshot({ includeDeath: true } as never), /did you mean 'includeDead'\?/)
    assert.throws(() => board.snapshot({ includeDead: 1 } as never), TypeError)
  })
})

describe('a board that exists', () => {
  it('keeps its geometry, and names both when another is asked for', () => {
    const baseDir = tempDir()
    const asked = {
      slots: 10,
      inlineBytes: 100,
      counters: { a: 'counter', b: 'gauge' },
      sharedCounters: ['s'],
    } as const
    using first = new Scoreboard({ baseDir, ...asked, sharedCounters: ['s'] })
    assert.equal(first.snapshot().slots, 10)

    new Scoreboard({ baseDir }).close()
    new Scoreboard({ baseDir, slots: 10, inlineBytes: 104, counters: { b: 'gauge', a: 'counter' } }).close()

    const other: [options: object, message: RegExp][] = [
      [{ slots: 11 }, /slots 11: it was made with 10/],
      [{ inlineBytes: 105 }, /inlineBytes 112: it was made with 104/],
      [{ counters: {} }, /counters none: it was made with a \(counter\), b \(gauge\)/],
      [{ counters: { a: 'gauge', b: 'gauge' } }, /counters a \(gauge\), b \(gauge\)/],
      [{ sharedCounters: ['t'] }, /sharedCounters t: it was made with s/],
    ]
    for (const [options, message] of other) {
      assert.throws(() => new Scoreboard({ baseDir, ...options }), { code: 'ERR_GEOMETRY_MISMATCH', message })
    }
  })

  it('is refused in a place where others could replace it', () => {
    const parent = tempDir()
    const open = path.join(parent, 'open')
    fs.mkdirSync(open)
    fs.chmodSync(open, 0o777)
    const link = path.join(parent, 'link')
    fs.mkdirSync(path.join(parent, 'real'))
    fs.symlinkSync(path.join(parent, 'real'), link)
    const file = path.join(parent, 'file')
    fs.writeFileSync(file, '')

    assert.throws(() => new Scoreboard({ baseDir: open }), {
      code: 'ERR_INSECURE_PATH',
      message: /mode 0777/,
    })
    assert.throws(() => new Scoreboard({ baseDir: link }), {
      code: 'ERR_INSECURE_PATH',
      message: /symbolic link/,
    })
    assert.throws(() => new Scoreboard({ baseDir: file }), {
      code: 'ERR_NOT_A_BOARD',
      message: /not a directory/,
    })
    assert.deepEqual(fs.readdirSync(open), [])
    new Scoreboard({ baseDir: open, mode: 0o666 }).close()
  })

  it('is refused to a writer when the directory belongs to somebody else', function () {
    if (process.geteuid!() !== 0) this.skip() // only root can give files away
    const baseDir = path.join(tempDir(), 'theirs')
    new Scoreboard({ baseDir }).close()
    fs.chownSync(baseDir, 12345, 12345)

    assert.throws(() => new Scoreboard({ baseDir }), { code: 'ERR_INSECURE_PATH', message: /user 12345/ })
    // Whoever reads takes the word of its own user, of root, and of the owner of the directory.
    new Scoreboard({ baseDir, readOnly: true }).close()
    fs.chownSync(path.join(baseDir, 'board'), 12345, 12345)
    new Scoreboard({ baseDir, readOnly: true }).close()
    fs.chownSync(path.join(baseDir, 'board'), 54321, 54321)
    assert.throws(() => new Scoreboard({ baseDir, readOnly: true }), {
      code: 'ERR_INSECURE_PATH',
      message: /belongs to user 54321, its directory to user 12345; .*your own or of root/,
    })
  })
})
