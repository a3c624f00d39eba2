// What workers publish and managers read, in one process.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import vm from 'node:vm'
import type { Status } from '../../lib'
import { open } from '../support/boards'
import { startReady } from '../support/child'
import { tempDir } from '../support/temp-dir'

describe('Scoreboard', () => {
  it('makes what is missing and lists nobody at first', () => {
    const baseDir = path.join(tempDir(), 'a', 'b')

    const board = open({ baseDir })

    assert.equal(board.workerId, undefined)
    assert.deepEqual(board.readAll(), new Map())
    assert.equal(fs.statSync(baseDir).mode & 0o777, 0o700)
    assert.equal(fs.statSync(path.join(baseDir, 'board')).mode & 0o777, 0o600)
  })

  it('gives files and directory the permission bits it was told, whatever the umask', () => {
    const parent = tempDir()
    // Only root opens again what a umask has closed to its owner, too.
    const before = process.umask(process.geteuid!() === 0 ? 0o777 : 0o077)
    try {
      for (const [mode, directoryMode] of [
        [0o660, 0o770],
        [0o600, 0o700],
      ] as const) {
        const baseDir = path.join(parent, String(mode))
        open({ baseDir, mode }).update('x'.repeat(2000))

        assert.equal(fs.statSync(baseDir).mode & 0o777, directoryMode)
        for (const name of fs.readdirSync(baseDir)) {
          assert.equal(fs.statSync(path.join(baseDir, name)).mode & 0o777, mode, name)
        }
      }
    } finally {
      process.umask(before)
    }
  })

  it('gives back every kind of status as it was', () => {
    const board = open({ baseDir: tempDir(), workerId: 'w' })
    const statuses: Status[] = [
      '',
      'plain',
      'é ☃ 😀 שלום',
      '\0\u0001\x7f',
      Buffer.alloc(0),
      Buffer.from([0, 255, 128, 10]),
      null,
      true,
      false,
      0,
      -1.5,
      1e300,
      [],
      {},
      [1, 'two', null, [true]],
      { text: 'a\n"b"', nested: { list: [1, 2, { deep: null }] }, ключ: '値' },
    ]
    for (const status of statuses) {
      board.update(status)

      assert.deepEqual(board.readAll().get('w'), status)
    }
  })

  it('copies the bytes of a status: neither side sees the other change them later', () => {
    const board = open({ baseDir: tempDir(), workerId: 'w' })
    const bytes = Buffer.from('first')
    board.update(bytes)
    const read = board.readAll().get('w') as Buffer

    bytes.fill(0)
    board.update(Buffer.from('other'))

    assert.equal(read.toString(), 'first')
  })

  it('gives each status without a Map: what moved is new, JSON that did not is the same frozen object, bytes are copies', () => {
    const baseDir = tempDir()
    const [json, bytes, mute] = ['json', 'bytes', 'mute'].map((workerId) => open({ baseDir, workerId }))
    json!.update({ deep: [{ at: 1 }] })
    bytes!.update(Buffer.from('abc'))
    mute!.claim()
    const look = () => {
      const seen = new Map<string, Status>()
      mute!.forEachStatus((status, id) => seen.set(id, status))
      return seen
    }

    const first = look()
    ;(first.get('bytes') as Buffer)[0] = 0
    const second = look()
    json!.update({ deep: [{ at: 2 }] })

    assert.deepEqual([...second.keys()], ['json', 'bytes'])
    assert.equal(second.get('json'), first.get('json'))
    assert.throws(() => {
      ;(second.get('json') as { deep: { at: number }[] }).deep[0]!.at = 3
    }, TypeError)
    assert.deepEqual(second.get('bytes'), Buffer.from('abc'))
    assert.deepEqual(look().get('json'), { deep: [{ at: 2 }] })
  })

  it('takes a part of a larger ArrayBuffer for what it shows of it', () => {
    const board = open({ baseDir: tempDir(), workerId: 'w' })
    const whole = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9])

    board.update(whole.subarray(3, 5))

    assert.deepEqual(board.readAll().get('w'), Buffer.from([4, 5]))
  })

  it('takes the bytes of another realm for bytes, and what only pretends to be bytes for misuse', () => {
    const board = open({ baseDir: tempDir(), workerId: 'w' })

    board.update(vm.runInNewContext('new Uint8Array([4, 5])') as Uint8Array)

    assert.deepEqual(board.readAll().get('w'), Buffer.from([4, 5]))
    board.update(Object.create(Uint8Array.prototype) as Uint8Array)
    assert.deepEqual(board.readAll().get('w'), {})
  })

  it('turns lone surrogates into U+FFFD', () => {
    const board = open({ baseDir: tempDir(), workerId: 'w' })

    board.update('a\ud83d')
    const short = board.readAll().get('w')
    board.update(`${'b'.repeat(3000)}\udc00`)
    const long = board.readAll().get('w')

    assert.equal(short, 'a\ufffd')
    assert.equal(long, `${'b'.repeat(3000)}\ufffd`)
  })

  it('takes ids in any script', () => {
    const baseDir = tempDir()
    const ids = ['#1 *?[', 'рабочий', '労働者', '👷', 'x'.repeat(128), 'a/b', '.']
    for (const workerId of ids) open({ baseDir, workerId }).update(workerId)

    const all = open({ baseDir, readOnly: true }).readAll()

    assert.deepEqual([...all.keys()], ids)
    assert.deepEqual([...all.values()], ids)
  })

  it('works in a directory whose name has spaces and wildcards', () => {
    const baseDir = path.join(tempDir(), 'a b*?[c]\n')

    open({ baseDir, workerId: 'w' }).update('x'.repeat(5000))

    assert.equal((open({ baseDir, readOnly: true }).readAll().get('w') as string).length, 5000)
  })

  it('lets two handles in one process be two workers', () => {
    const baseDir = tempDir()
    const [one, two] = [open({ baseDir }), open({ baseDir })]

    one.update('one')
    two.update('two')
    const read = one.readAll()

    assert.equal(one.workerId, String(process.pid))
    assert.equal(two.workerId, `${process.pid}#2`)
    assert.deepEqual(
      read,
      new Map([
        [one.workerId!, 'one'],
        [two.workerId!, 'two'],
      ]),
    )
  })

  it('does not list a worker that has claimed and not published, but shows it', () => {
    const board = open({ baseDir: tempDir(), workerId: 'quiet' })

    board.claim()
    board.claim()

    assert.equal(board.readAll().size, 0)
    const [entry] = board.snapshot().workers
    assert.equal(entry!.id, 'quiet')
    assert.equal(entry!.status, undefined)
    assert.equal(entry!.updates, 0)
    assert.equal(entry!.updatedAt, undefined)
    assert.equal(entry!.ageMs, undefined)
  })

  it('says in a snapshot which workers, where, since when and how often', () => {
    const before = Date.now()
    const board = open({ baseDir: tempDir(), workerId: 'w', slots: 7 })
    board.update('a')
    board.update('b')

    const snapshot = board.snapshot()

    assert.match(snapshot.boardId, /^[0-9a-f]{32}$/)
    assert.equal(snapshot.slots, 7)
    const [entry] = snapshot.workers
    assert.deepEqual(
      { ...entry, startedAt: 0, updatedAt: 0, ageMs: 0, heartbeatAgeMs: 0 },
      {
        id: 'w',
        pid: process.pid,
        threadId: 0,
        slot: 0,
        epoch: 1,
        state: 'live',
        status: 'b',
        updates: 2,
        startedAt: 0,
        updatedAt: 0,
        ageMs: 0,
        heartbeatAgeMs: 0,
        heartbeatMs: 1000,
        processStart: Number(fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ')[19]),
        pidNamespace: fs.statSync('/proc/self/ns/pid').ino,
        counters: {},
      },
    )
    // The clocks of writers are coarse ones: a tick is at most 10 ms.
    for (const time of [entry!.startedAt, entry!.updatedAt!]) {
      assert.ok(time >= before - 10 && time <= Date.now(), `${time} is no time of this test`)
    }
    assert.ok(entry!.ageMs! >= 0)
  })

  it('frees the slot and forgets the status on close, and close may be called again', () => {
    const baseDir = tempDir()
    const manager = open({ baseDir })
    const worker = open({ baseDir, workerId: 'w' })
    worker.update('here')

    worker.close()
    worker.close()

    assert.deepEqual(manager.readAll(), new Map())
    assert.deepEqual(manager.snapshot({ includeDead: true }).workers, [])
    assert.throws(() => worker.update('again'), { code: 'ERR_CLOSED' })
    assert.throws(() => worker.readAll(), { code: 'ERR_CLOSED' })
    assert.throws(() => worker.snapshot(), { code: 'ERR_CLOSED' })
    assert.throws(() => worker.cleanup(), { code: 'ERR_CLOSED' })
    assert.throws(() => worker.claim(), { code: 'ERR_CLOSED' })
  })

  it('gives the same slot to one worker after the other, each with a new epoch', () => {
    const baseDir = tempDir()
    const manager = open({ baseDir })
    for (let epoch = 1; epoch <= 100; epoch++) {
      const worker = open({ baseDir, workerId: 'w' })
      worker.update(`${epoch}`)

      const [entry] = manager.snapshot().workers

      assert.deepEqual([entry!.slot, entry!.epoch, entry!.status], [0, epoch, `${epoch}`])
      worker.close()
    }
  })

  it('can be disposed of', () => {
    const baseDir = tempDir()
    const board = open({ baseDir, workerId: 'w' })
    board.update('x')

    board[Symbol.dispose]()

    assert.throws(() => board.update('y'), { code: 'ERR_CLOSED' })
  })

  it('reads without write permission and writes nothing when it is read-only', () => {
    const baseDir = tempDir()
    const worker = open({ baseDir, workerId: 'w' })
    worker.update('x')
    const reader = open({ baseDir, readOnly: true })

    assert.deepEqual(reader.readAll(), new Map([['w', 'x']]))
    assert.throws(() => reader.update('y'), { code: 'ERR_READ_ONLY' })
    assert.throws(() => reader.claim(), { code: 'ERR_READ_ONLY' })
    assert.throws(() => reader.cleanup(), { code: 'ERR_READ_ONLY' })
    assert.throws(() => open({ baseDir: path.join(baseDir, 'none'), readOnly: true }), {
      code: 'ERR_NOT_A_BOARD',
    })
    assert.ok(!fs.existsSync(path.join(baseDir, 'none')))
  })

  it('notices that the board was deleted, and does not split in silence', () => {
    const baseDir = tempDir()
    const worker = open({ baseDir, workerId: 'old' })
    worker.update('x')
    fs.unlinkSync(path.join(baseDir, 'board'))
    const late = open({ baseDir, workerId: 'new' })
    late.update('y')

    const started = performance.now()
    assert.throws(
      () => {
        while (performance.now() - started < 20_000) worker.update('x')
      },
      { code: 'ERR_BOARD_REPLACED' },
    )

    assert.throws(() => worker.readAll(), { code: 'ERR_BOARD_REPLACED' })
    assert.throws(() => worker.totals(), { code: 'ERR_BOARD_REPLACED' })
    assert.deepEqual(late.readAll(), new Map([['new', 'y']]))
  })

  it('notices at once that there is nothing left to clean', () => {
    const baseDir = tempDir()
    const board = open({ baseDir })
    board.readAll()
    fs.rmSync(baseDir, { recursive: true })

    assert.throws(() => board.cleanup(), { code: 'ERR_BOARD_REPLACED' })
  })

  it('says good-bye at the end of a process that forgot to close, and leaves no file', async () => {
    const baseDir = tempDir()
    const manager = open({ baseDir })
    const worker = await startReady('worker', JSON.stringify({ baseDir, workerId: 'w' }))
    await worker.ask({ method: 'open' })
    await worker.ask({ method: 'update', args: ['x'.repeat(5000)] })

    await worker.ask({ method: 'exit' })
    await worker.exited

    assert.deepEqual(manager.snapshot({ includeDead: true }).workers, [])
    assert.deepEqual(fs.readdirSync(baseDir), ['board'])
  })
})
