// Files that are no board, or were one: a typed error, no crash, no hang, no byte changed.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { Scoreboard, ScoreboardError, type WorkerEntry } from '../../lib'
import { BoardBytes, HEADER_FIELDS, type HeaderField, RECORD, SLOT } from '../support/board-file'
import { startReady } from '../support/child'
import { tempDir } from '../support/temp-dir'

function makeBoard(): { baseDir: string; file: string } {
  const baseDir = tempDir()
  new Scoreboard({ baseDir, slots: 4, counters: { n: 'counter' }, sharedCounters: ['s'] }).close()
  return { baseDir, file: path.join(baseDir, 'board') }
}

/** The same for the same seed, so that fast-check can repeat a failure. */
function randomBytes(seed: number, outputLength: number): Buffer {
  return createHash('shake256', { outputLength }).update(String(seed)).digest()
}

function digest(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex')
}

function refusal(baseDir: string, readOnly: boolean): string {
  try {
    new Scoreboard({ baseDir, readOnly }).close()
  } catch (error) {
    if (error instanceof ScoreboardError) return error.code
    throw error
  }
  return 'none'
}

/** Opens for reading and for writing, expects the same refusal of both, and an unchanged file. */
function assertRefused(baseDir: string, code: string, isReadable = true): void {
  const file = path.join(baseDir, 'board')
  const before = isReadable ? digest(file) : undefined

  assert.equal(refusal(baseDir, true), code)
  assert.equal(refusal(baseDir, false), code)

  if (isReadable) assert.equal(digest(file), before)
  assert.deepEqual(fs.readdirSync(baseDir), ['board'])
}

describe('a board file with a damaged header', () => {
  const damaged: Record<HeaderField, string> = {
    magic: 'ERR_NOT_A_BOARD',
    layoutMajor: 'ERR_VERSION',
    layoutMinor: 'ERR_CORRUPT_HEADER',
    headerBytes: 'ERR_CORRUPT_HEADER',
    incompatibleFeatures: 'ERR_CORRUPT_HEADER',
    compatibleFeatures: 'ERR_CORRUPT_HEADER',
    slotCount: 'ERR_CORRUPT_HEADER',
    slotStride: 'ERR_CORRUPT_HEADER',
    inlineBytes: 'ERR_CORRUPT_HEADER',
    sharedBytes: 'ERR_CORRUPT_HEADER',
    counterCount: 'ERR_CORRUPT_HEADER',
    sharedCount: 'ERR_CORRUPT_HEADER',
    fileBytes: 'ERR_CORRUPT_HEADER',
    boardId: 'ERR_CORRUPT_HEADER',
    bootId: 'ERR_CORRUPT_HEADER',
    createdAt: 'ERR_CORRUPT_HEADER',
    crc32c: 'ERR_CORRUPT_HEADER',
    counterTable: 'ERR_CORRUPT_HEADER',
  }
  for (const [field, code] of Object.entries(damaged) as [HeaderField, string][]) {
    it(`is ${code} when any byte of ${field} is wrong`, () => {
      const { baseDir, file } = makeBoard()
      const original = fs.readFileSync(file)
      const [offset, size] = HEADER_FIELDS[field]
      for (let at = offset; at < offset + size; at++) {
        const bytes = Buffer.from(original)
        bytes[at]! ^= 0x41
        fs.writeFileSync(file, bytes)

        assertRefused(baseDir, code)
      }
    })
  }

  const dishonest: [name: string, code: string, change: (bytes: BoardBytes) => void][] = [
    ['says another byte order', 'ERR_ENDIAN', (b) => b.bytes.subarray(0, 8).reverse()],
    ['is of a later major version', 'ERR_VERSION', (b) => b.setHeader('layoutMajor', 2)],
    ['needs a feature nobody knows', 'ERR_VERSION', (b) => b.setHeader('incompatibleFeatures', 1 << 30)],
    ['has no slots', 'ERR_CORRUPT_HEADER', (b) => b.setHeader('slotCount', 0)],
    ['has more slots than bytes', 'ERR_CORRUPT_HEADER', (b) => b.setHeader('slotCount', 65535)],
    ['has 2^32 - 1 slots', 'ERR_CORRUPT_HEADER', (b) => b.setHeader('slotCount', 0xffffffff)],
    ['has slots of 2^32 - 8 bytes', 'ERR_CORRUPT_HEADER', (b) => b.setHeader('inlineBytes', 0xfffffff8)],
    ['has slots that overlap', 'ERR_CORRUPT_HEADER', (b) => b.setHeader('slotStride', 8)],
    ['has a header of 4 GiB', 'ERR_CORRUPT_HEADER', (b) => b.setHeader('headerBytes', 0xfffff000)],
    ['has 65535 counters', 'ERR_CORRUPT_HEADER', (b) => b.setHeader('counterCount', 65535)],
    ['is larger than its file', 'ERR_CORRUPT_HEADER', (b) => b.setHeader('fileBytes', 1n << 60n)],
    ['has a counter of no kind', 'ERR_CORRUPT_HEADER', (b) => b.write(256, 1, 77)],
    ['has a counter without a name', 'ERR_CORRUPT_HEADER', (b) => b.write(257, 1, 0)],
    ['has a counter whose name goes on and on', 'ERR_CORRUPT_HEADER', (b) => b.write(257, 1, 255)],
  ]
  for (const [name, code, change] of dishonest) {
    it(`is ${code} when it ${name}, though the checksum is right`, () => {
      const { baseDir, file } = makeBoard()
      const bytes = new BoardBytes(file)
      change(bytes)
      if (bytes.header('headerBytes') <= bytes.bytes.length) bytes.signHeader()
      bytes.save()

      assertRefused(baseDir, code)
    })
  }

  it('is read as usual when only its minor version or compatible features are newer', () => {
    const { baseDir, file } = makeBoard()
    const bytes = new BoardBytes(file)
    bytes.setHeader('layoutMinor', 9)
    bytes.setHeader('compatibleFeatures', 0xffff)
    bytes.signHeader()
    bytes.save()

    using board = new Scoreboard({ baseDir, workerId: 'w' })
    board.update('x')

    assert.deepEqual(board.readAll(), new Map([['w', 'x']]))
  })
})

describe('a file that is no board', () => {
  const contents: [name: string, code: string, make: (file: string) => void][] = [
    ['an empty file', 'ERR_NOT_A_BOARD', (file) => fs.writeFileSync(file, '')],
    ['a few bytes', 'ERR_NOT_A_BOARD', (file) => fs.writeFileSync(file, 'roll')],
    [
      'a PNG',
      'ERR_NOT_A_BOARD',
      (file) => fs.writeFileSync(file, Buffer.from('\x89PNG\r\n\x1a\n'.repeat(600), 'latin1')),
    ],
    ['zeros', 'ERR_NOT_A_BOARD', (file) => fs.writeFileSync(file, Buffer.alloc(100_000))],
    ['a directory', 'ERR_NOT_A_BOARD', (file) => fs.mkdirSync(file)],
    ['a FIFO', 'ERR_NOT_A_BOARD', (file) => void execFileSync('mkfifo', [file])],
    ['a symbolic link to a board', 'ERR_INSECURE_PATH', (file) => fs.symlinkSync(makeBoard().file, file)],
    ['a dangling symbolic link', 'ERR_INSECURE_PATH', (file) => fs.symlinkSync('/nonexistent/x', file)],
  ]
  for (const [name, code, make] of contents) {
    it(`is ${code} when it is ${name}`, () => {
      const baseDir = tempDir()
      const file = path.join(baseDir, 'board')
      make(file)

      assertRefused(baseDir, code, fs.lstatSync(file).isFile())
    })
  }

  it('is ERR_CORRUPT_HEADER at every shorter length of a real board', () => {
    const { baseDir, file } = makeBoard()
    const whole = fs.readFileSync(file)
    for (const length of [8, 100, 255, 256, 4095, 4096, 8192, whole.length - 1]) {
      fs.writeFileSync(file, whole.subarray(0, length))

      assertRefused(baseDir, 'ERR_CORRUPT_HEADER')
    }
  })
})

describe('a board with hostile slots', () => {
  const hostile: [name: string, change: (bytes: BoardBytes, record: number, slot: number) => void][] = [
    ['a length beyond its slot', (b, record) => b.write(record + RECORD.length, 4, 0xffffffff)],
    ['a kind nobody knows', (b, record) => b.write(record + RECORD.kind, 1, 99)],
    ['an encoding nobody knows', (b, record) => b.write(record + RECORD.encoding, 1, 99)],
    ['an epoch that is not its slot’s', (b, record) => b.write(record + RECORD.epoch, 8, 2n ** 63n)],
    ['an epoch that is too old', (b, record) => b.write(record + RECORD.epoch, 8, 0)],
    ['JSON that is none', (b, record) => b.write(record + RECORD.encoding, 1, 3)],
  ]
  for (const [name, change] of hostile) {
    it(`gives one entry with BAD_RECORD for ${name}, and all the others`, () => {
      const { baseDir, file } = makeBoard()
      using good = new Scoreboard({ baseDir, workerId: 'good' })
      using bad = new Scoreboard({ baseDir, workerId: 'bad' })
      good.update('fine')
      bad.update('was fine')
      const bytes = new BoardBytes(file)
      change(bytes, bytes.recordOffset(1), bytes.slotOffset(1))
      bytes.save()

      const { workers } = good.snapshot()

      assert.deepEqual(
        workers.map(({ error, status }: WorkerEntry) => [error?.code, status]),
        [
          [undefined, 'fine'],
          ['BAD_RECORD', undefined],
        ],
      )
      assert.deepEqual(good.readAll(), new Map([['good', 'fine']]))
      bad.update('fine again')
      assert.equal(good.readAll().get('bad'), 'fine again')
    })
  }

  it('counts the updates of a change rightly beside a record that does not say how many there were', () => {
    const { baseDir, file } = makeBoard()
    using board = new Scoreboard({ baseDir, workerId: 'w' })
    board.update('1')
    board.update('2')
    const first = board.changes()
    board.update('3')
    const bytes = new BoardBytes(file)
    bytes.write(bytes.recordOffset(0) + RECORD.epoch, 8, 2n ** 63n)
    bytes.save()

    const second = board.changes(first.cursor)
    board.update('4')
    const third = board.changes(second.cursor)

    assert.deepEqual(
      [first, second, third].map(({ workers }) => workers.map(({ merged, error }) => [merged, error?.code])),
      [[[2, undefined]], [[0, 'BAD_RECORD']], [[2, undefined]]],
    )
  })

  it('shows a worker whose id is damaged under a name for its slot', () => {
    const { baseDir, file } = makeBoard()
    using board = new Scoreboard({ baseDir, workerId: 'w' })
    board.update('x')
    const bytes = new BoardBytes(file)
    bytes.write(bytes.slotOffset(0) + SLOT.idBytes, 4, 0xffffffff)
    bytes.save()

    using reader = new Scoreboard({ baseDir, readOnly: true })

    assert.deepEqual(reader.readAll(), new Map([['?slot-0', 'x']]))
  })

  it('bounds an overflow record that speaks of 2^60 bytes', () => {
    const { baseDir, file } = makeBoard()
    using board = new Scoreboard({ baseDir, workerId: 'w' })
    board.update('x'.repeat(3000))
    const bytes = new BoardBytes(file)
    bytes.write(bytes.recordOffset(0) + RECORD.wholeLength, 8, 1n << 60n)
    bytes.save()

    assert.equal(board.snapshot().workers[0]!.error!.code, 'OVERFLOW_CORRUPT')
    assert.equal(board.readAll().size, 0)
  })

  it('survives random bytes everywhere behind the header', () => {
    const { baseDir, file } = makeBoard()
    using reader = new Scoreboard({ baseDir })
    const bytes = new BoardBytes(file)
    const from = Number(bytes.header('headerBytes'))

    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const choices = randomBytes(seed, 2 * bytes.bytes.length)
        for (let at = from; at < bytes.bytes.length; at++)
          bytes.bytes[at] = choices[2 * at]! < 180 ? choices[2 * at + 1]! : 1
        bytes.save()

        reader.snapshot({ includeDead: true })
        reader.readAll()
        reader.cleanup()
      }),
      { numRuns: 300 },
    )
  })
})

describe('a board from an earlier boot', () => {
  function ageBoard(file: string): void {
    const bytes = new BoardBytes(file)
    bytes.bytes.fill(7, HEADER_FIELDS.bootId[0], HEADER_FIELDS.bootId[0] + 16)
    bytes.signHeader()
    bytes.save()
  }

  it('is replaced by a new one with its geometry, and its files go', () => {
    const { baseDir, file } = makeBoard()
    const old = new Scoreboard({ baseDir, readOnly: true }).snapshot().boardId
    fs.writeFileSync(path.join(baseDir, `ov-${old}-0-1-1`), 'left')
    ageBoard(file)
    using reader = new Scoreboard({ baseDir, readOnly: true })
    assert.equal(reader.snapshot().boardId, old)

    using board = new Scoreboard({ baseDir, workerId: 'w' })
    board.update('new')

    assert.notEqual(board.snapshot().boardId, old)
    assert.equal(board.snapshot().slots, 4)
    assert.deepEqual(fs.readdirSync(baseDir), ['board'])
    new Scoreboard({ baseDir, counters: { n: 'counter' }, sharedCounters: ['s'] }).close()
  })

  it('leaves files when its replacer is killed in the middle, and cleanup() removes them', () => {
    const { baseDir, file } = makeBoard()
    const left = ['0-1-1', '3-7-2'].map((rest) => path.join(baseDir, `ov-${'5'.repeat(32)}-${rest}`))
    for (const name of left) fs.writeFileSync(name, 'left')
    using board = new Scoreboard({ baseDir, workerId: 'w' })
    board.update('x'.repeat(3000))

    assert.deepEqual(board.cleanup(), { slots: 0, files: 2 })

    assert.deepEqual(left.filter(fs.existsSync), [])
    assert.equal(fs.existsSync(file), true)
    assert.deepEqual(board.readAll(), new Map([['w', 'x'.repeat(3000)]]))
  })

  it('is left in peace while somebody holds a lock on it', async () => {
    const { baseDir, file } = makeBoard()
    const worker = await startReady('worker', JSON.stringify({ baseDir, workerId: 'alive' }))
    await worker.ask({ method: 'open' })
    await worker.ask({ method: 'update', args: ['x'] })
    ageBoard(file)

    using board = new Scoreboard({ baseDir })

    assert.deepEqual(board.readAll(), new Map([['alive', 'x']]))
  })
})
