// Statuses that do not fit into a slot.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { Scoreboard, type ScoreboardError, type Status, type WorkerEntry } from '../../lib'
import { startReady } from '../support/child'
import { tempDir } from '../support/temp-dir'

const INLINE_BYTES = 256
const MAX_STATUS_BYTES = 2 * 1024 * 1024

function overflowFiles(baseDir: string): string[] {
  return fs.readdirSync(baseDir).filter((name) => name.startsWith('ov-'))
}

describe('Scoreboard, with statuses of any length', () => {
  let baseDir: string
  let worker: Scoreboard
  let reader: Scoreboard

  beforeEach(() => {
    baseDir = tempDir()
    worker = new Scoreboard({
      baseDir,
      workerId: 'w',
      inlineBytes: INLINE_BYTES,
      maxStatusBytes: MAX_STATUS_BYTES,
    })
    reader = new Scoreboard({ baseDir, readOnly: true })
  })

  afterEach(() => {
    worker.close()
    reader.close()
  })

  const sizes = [0, INLINE_BYTES - 1, INLINE_BYTES, INLINE_BYTES + 1, 1024 * 1024, MAX_STATUS_BYTES]
  for (const size of sizes) {
    it(`gives back ${size} bytes, as text, bytes and JSON`, () => {
      const text = 'abcdefgh'.repeat(size / 8 + 1).slice(0, size)
      const statuses: Status[] = [text, Buffer.from(text)]
      if (size >= 4) statuses.push([text.slice(4)]) // as JSON: [""] around it
      for (const status of statuses) {
        worker.update(status)

        assert.deepEqual(reader.readAll().get('w'), status)
      }
      assert.equal(overflowFiles(baseDir).length > 0, size > INLINE_BYTES)
    })
  }

  it('leaves no file of a status whose toJSON() closes the board on the way', () => {
    let calls = 0
    const status = {
      toJSON() {
        // The first look finds it too long for the slot, the second one is for the file.
        if (++calls === 2) worker.close()
        return 'x'.repeat(INLINE_BYTES)
      },
    }
    worker.update('before')

    assert.throws(() => worker.update(status as unknown as Status), { code: 'ERR_CLOSED' })

    assert.equal(calls, 2)
    assert.deepEqual(overflowFiles(baseDir), [])
  })

  it('refuses one byte more than maxStatusBytes, and keeps what was there', () => {
    worker.update('before')
    const tooLarge: Status[] = ['x'.repeat(MAX_STATUS_BYTES + 1), Buffer.alloc(MAX_STATUS_BYTES + 1)]
    for (const status of tooLarge) {
      assert.throws(() => worker.update(status), {
        code: 'ERR_STATUS_TOO_LARGE',
        message: /2097153 bytes: the limit is 2097152/,
      })
    }

    assert.equal(reader.readAll().get('w'), 'before')
    assert.deepEqual(overflowFiles(baseDir), [])
  })

  it('keeps to a maxStatusBytes that is smaller than a slot', () => {
    using small = new Scoreboard({ baseDir, workerId: 'small', maxStatusBytes: 10 })

    small.update('0123456789')

    assert.throws(() => small.update('0123456789a'), { code: 'ERR_STATUS_TOO_LARGE' })
    assert.throws(() => small.update('ééééé.'), { code: 'ERR_STATUS_TOO_LARGE' })
    assert.equal(small.readAll().get('small'), '0123456789')
  })

  it('does not claim a slot for a status that it refuses', () => {
    using small = new Scoreboard({ baseDir, workerId: 'small', maxStatusBytes: 10 })

    assert.throws(() => small.update('0123456789a'), { code: 'ERR_STATUS_TOO_LARGE' })
    assert.throws(() => small.update(undefined as never), TypeError)

    assert.equal(small.workerId, undefined)
  })

  it('cuts no character in two where the slot ends', () => {
    for (const character of ['é', '☃', '😀']) {
      for (let before = INLINE_BYTES - 6; before <= INLINE_BYTES + 1; before++) {
        const status = 'a'.repeat(before) + character
        worker.update(status)

        assert.equal(reader.readAll().get('w'), status)
      }
    }
  })

  it('has no more than two files at a time, and none after close', () => {
    for (let i = 0; i < 20; i++) {
      worker.update(`${i}`.repeat(1000))
      // The one before stays, for readers that have its name and have not opened it yet.
      assert.equal(overflowFiles(baseDir).length, i === 0 ? 1 : 2)
    }
    worker.update('short')
    worker.update('short')
    worker.update('short')
    assert.deepEqual(overflowFiles(baseDir), [])
    worker.update('long'.repeat(1000))

    worker.close()

    assert.deepEqual(overflowFiles(baseDir), [])
  })

  it('shows a worker that alternates 10 bytes and 1 MiB as exactly one of the two, each time', async () => {
    await startReady('alternating-writer', baseDir, 'other')
    const seen = new Map<number, number>()
    for (let reads = 0; reads < 2000 || seen.size < 2; reads++) {
      const entry = reader.snapshot().workers.find(({ id }) => id === 'other')!
      assert.equal(entry.error, undefined)
      const status = entry.status as string
      assert.ok(status.length === 10 || status.length === 1024 * 1024, `${status.length} bytes`)
      assert.equal(status, status[0]!.repeat(status.length))
      assert.ok(overflowFiles(baseDir).length <= 3) // two, and one being written
      seen.set(status.length, (seen.get(status.length) ?? 0) + 1)
    }
  })

  it('reads a file once: a reader that has seen it shows it whole when it is gone', () => {
    worker.update('x'.repeat(INLINE_BYTES + 1))
    const before = reader.snapshot().workers[0]!.status

    for (const name of overflowFiles(baseDir)) fs.unlinkSync(path.join(baseDir, name))

    assert.equal(before, reader.snapshot().workers[0]!.status)
    worker.update('y'.repeat(INLINE_BYTES + 1))
    assert.equal(reader.snapshot().workers[0]!.status, 'y'.repeat(INLINE_BYTES + 1))
  })

  it('removes the files of a dead worker', async () => {
    const dead = await startReady('alternating-writer', baseDir, 'dead')
    await dead.killed()
    // Killed between writing a file and publishing it, it leaves one more.
    const [name] = overflowFiles(baseDir)
    const orphan = name ?? `ov-${reader.snapshot().boardId}-1-1-99`
    fs.writeFileSync(path.join(baseDir, orphan.replace(/-\d+$/, '-999999')), 'orphan')

    const { slots, files } = worker.cleanup()

    assert.equal(slots, 1)
    assert.ok(files >= 1)
    assert.deepEqual(overflowFiles(baseDir), [])
  })

  it('removes them when somebody reads, also the one that was written and never published', async () => {
    const dead = await startReady('worker', JSON.stringify({ baseDir, workerId: 'dead' }))
    await dead.ask({ method: 'open' })
    for (const letter of 'abc') await dead.ask({ method: 'update', args: [letter.repeat(1000)] })
    const [older, newest] = overflowFiles(baseDir).sort()
    fs.writeFileSync(path.join(baseDir, newest!.replace(/-3$/, '-4')), 'unpublished')
    assert.match(older!, /-2$/)
    await dead.killed()

    worker.readAll()

    assert.deepEqual(overflowFiles(baseDir), [])
  })

  it('removes what an owner before this one has left in a slot', () => {
    worker.update('first'.repeat(1000))
    worker.close()
    using next = new Scoreboard({ baseDir, workerId: 'next' })
    next.update('second'.repeat(1000))
    const [mine] = overflowFiles(baseDir)
    fs.writeFileSync(path.join(baseDir, mine!.replace(/-0-2-1$/, '-0-1-7')), 'left behind')
    assert.equal(overflowFiles(baseDir).length, 2)

    assert.deepEqual(next.cleanup(), { slots: 0, files: 1 })

    assert.deepEqual(overflowFiles(baseDir), [mine])
  })

  it('leaves alone what is not ours to remove', () => {
    worker.update('x'.repeat(1000))
    const mine = overflowFiles(baseDir)
    const foreign = [`ov-${'0'.repeat(31)}-0-0-1`, 'ov-notes.txt', 'board.bak']
    for (const name of foreign) fs.writeFileSync(path.join(baseDir, name), 'foreign')

    assert.deepEqual(worker.cleanup(), { slots: 0, files: 0 })

    assert.deepEqual(fs.readdirSync(baseDir).sort(), ['board', ...mine, ...foreign].sort())
  })

  it('leaves alone what belongs to a board that has taken the place of this one', () => {
    worker.readAll() // looks at the name of the board, and does so again a second later
    fs.rmSync(path.join(baseDir, 'board'))
    using next = new Scoreboard({ baseDir, workerId: 'next' })
    next.update('x'.repeat(3000))

    try {
      assert.deepEqual(worker.cleanup(), { slots: 0, files: 0 })
    } catch (error) {
      assert.equal((error as ScoreboardError).code, 'ERR_BOARD_REPLACED')
    }

    assert.equal(overflowFiles(baseDir).length, 1)
    assert.equal(next.readAll().get('next'), 'x'.repeat(3000))
  })

  describe('and a file that is not as it was left', () => {
    function onlyEntry(): WorkerEntry {
      const { workers } = reader.snapshot()
      assert.equal(workers.length, 1)
      return workers[0]!
    }

    let file: string

    beforeEach(() => {
      worker.update('precious'.repeat(500))
      file = path.join(baseDir, overflowFiles(baseDir)[0]!)
    })

    const damages: [name: string, code: string, damage: () => void][] = [
      ['missing', 'OVERFLOW_MISSING', () => fs.unlinkSync(file)],
      ['shorter', 'OVERFLOW_CORRUPT', () => fs.truncateSync(file, 100)],
      ['longer', 'OVERFLOW_CORRUPT', () => fs.appendFileSync(file, 'x')],
      ['changed', 'OVERFLOW_CORRUPT', () => fs.writeFileSync(file, 'atrocious'.repeat(500).slice(0, 4000))],
      [
        'a symbolic link',
        'OVERFLOW_CORRUPT',
        () => {
          fs.renameSync(file, `${file}.real`)
          fs.symlinkSync(`${file}.real`, file)
        },
      ],
      [
        'a directory',
        'OVERFLOW_CORRUPT',
        () => {
          fs.unlinkSync(file)
          fs.mkdirSync(file)
        },
      ],
    ]
    for (const [name, code, damage] of damages) {
      it(`is told as ${code} with a preview when it is ${name}`, () => {
        damage()

        const { error, status } = onlyEntry()

        assert.equal(status, undefined)
        assert.equal(error!.code, code)
        assert.match(error!.preview!, /^preciousprecious/)
        assert.equal(reader.readAll().size, 0)
      })
    }

    it('is told when it belongs to somebody else than its worker', function () {
      if (process.getuid!() !== 0) this.skip()
      fs.chownSync(file, 12345, 0)

      const { error } = onlyEntry()

      assert.equal(error!.code, 'OVERFLOW_CORRUPT')
      assert.match(error!.message, /belongs to user 12345/)
    })

    it('is told when it is larger than the reader takes', () => {
      using modest = new Scoreboard({ baseDir, readOnly: true, maxStatusBytes: 100 })

      const { error } = modest.snapshot().workers[0]!

      assert.equal(error!.code, 'OVERFLOW_CORRUPT')
      assert.match(error!.message, /4000 bytes, more than this handle's maxStatusBytes of 100/)
    })
  })
})
