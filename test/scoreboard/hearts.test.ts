// Hearts: whether an event loop turns, who is told when it does not, and what it costs the others.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type Changes, Scoreboard, type WorkerChange, type WorkerEntry } from '../../lib'
import { BoardBytes, SLOT } from '../support/board-file'
import { startReady } from '../support/child'
import { eventually } from '../support/eventually'
import { tempDir } from '../support/temp-dir'

const HEARTBEAT_MS = 20
const BLOCKED_AFTER_MS = 300

async function startWorker(baseDir: string, how = 'turns', heartbeatMs = HEARTBEAT_MS) {
  return startReady('hanging', JSON.stringify({ baseDir, workerId: 'w', heartbeatMs }), how)
}

describe('A heart', () => {
  let baseDir: string
  let reader: Scoreboard
  const worker = (): WorkerEntry => reader.snapshot().workers[0]!
  const age = () => worker().heartbeatAgeMs ?? Number.NaN

  beforeEach(() => {
    baseDir = tempDir()
    new Scoreboard({ baseDir }).close()
    reader = new Scoreboard({ baseDir, readOnly: true })
  })

  afterEach(() => reader.close())

  it('begins with the first claim, not with opening, and once a second unless told otherwise', () => {
    using board = new Scoreboard({ baseDir })
    assert.deepEqual(reader.snapshot().workers, [])

    board.claim()

    assert.equal(worker().heartbeatMs, 1000)
    assert.ok(age() < 1000)
  })

  it('is not there where the worker wants none', () => {
    using board = new Scoreboard({ baseDir, heartbeatMs: 0 })
    board.update('silent')

    assert.deepEqual([worker().heartbeatMs, worker().heartbeatAgeMs], [undefined, undefined])
  })

  it('keeps beating without any update, and keeps no process alive', async () => {
    const child = await startWorker(baseDir)
    const { updates } = worker()
    const first = Date.now() - age()

    await eventually(() => Date.now() - age() > first + 10 * HEARTBEAT_MS, 'ten beats')

    assert.equal(worker().updates, updates)
    child.process.disconnect()
    assert.equal((await child.exited).code, 0)
  })

  it('stands still while the event loop is blocked, though statuses are published, and while stopped', async () => {
    const child = await startWorker(baseDir, 'publishes')
    child.process.send('block')
    await eventually(() => age() > BLOCKED_AFTER_MS, 'a heart that stands still')
    const { updates } = worker()
    await eventually(() => worker().updates > updates, 'an update')
    await child.killed()

    const stopped = await startWorker(baseDir)
    stopped.signal('SIGSTOP')
    await eventually(() => age() > BLOCKED_AFTER_MS, 'the heart of one that is stopped')
    stopped.signal('SIGCONT')
    await eventually(() => age() < BLOCKED_AFTER_MS / 2, 'its coming back')
  })

  it('has no age where the worker is dead', async () => {
    const child = await startWorker(baseDir)
    await child.killed()

    const [dead] = reader.snapshot({ includeDead: true }).workers

    assert.deepEqual([dead!.state, dead!.heartbeatMs, dead!.heartbeatAgeMs], ['dead', undefined, undefined])
  })

  it('is of nobody where a program that knows no hearts has taken the slot', () => {
    using board = new Scoreboard({ baseDir })
    board.claim()
    const file = new BoardBytes(join(baseDir, 'board'))

    file.write(file.slotOffset(0) + SLOT.heartEpoch, 8, 7)
    file.save()

    assert.deepEqual([worker().state, worker().heartbeatMs], ['live', undefined])
  })

  it('survives a board that says nonsense about it', () => {
    using board = new Scoreboard({ baseDir })
    board.claim()
    const file = new BoardBytes(join(baseDir, 'board'))

    file.write(file.slotOffset(0) + SLOT.heartNs, 8, 2n ** 64n - 1n)
    file.write(file.slotOffset(0) + SLOT.heartEveryMs, 4, 2 ** 32 - 1)
    file.save()

    assert.ok(age() >= 0)
    assert.equal(worker().heartbeatMs, 2 ** 32 - 1)
  })

  it('refuses an interval that is none', () => {
    for (const heartbeatMs of [-1, 0.5, 3_600_001, Number.NaN]) {
      assert.throws(() => new Scoreboard({ baseDir, heartbeatMs }), RangeError)
    }
    assert.throws(() => new Scoreboard({ baseDir, heartbeatMs: '1s' as never }), TypeError)
  })

  for (const readOnly of [false, true]) {
    it(`tells a watcher that may ${readOnly ? 'only read' : 'write'} who blocks and who comes back`, async () => {
      const child = await startWorker(baseDir, 'blocks')
      using board = new Scoreboard({ baseDir, readOnly })
      const watcher = board.watch({ blockedAfterMs: BLOCKED_AFTER_MS })
      const next = async (): Promise<Changes> => (await watcher.next()).value!
      const first = await next()

      child.process.send('block')
      const blocked = await next()
      const back = await next()
      await watcher.return!()

      const told = [first, blocked, back].map(({ workers }) =>
        workers.map(({ id, blocked, isNew, merged }) => [id, blocked, isNew, merged]),
      )
      assert.deepEqual(told, [[['w', false, true, 1]], [['w', true, false, 0]], [['w', false, false, 0]]])
      assert.ok((blocked.workers[0]!.heartbeatAgeMs ?? 0) >= BLOCKED_AFTER_MS)
    })
  }

  it('tells a watcher of somebody blocked who dies that it is gone, and of no coming back', async () => {
    const child = await startWorker(baseDir, 'blocks-for-ever')
    using board = new Scoreboard({ baseDir })
    const watcher = board.watch({ blockedAfterMs: BLOCKED_AFTER_MS })
    await watcher.next()
    child.process.send('block')
    const blocked = (await watcher.next()).value!

    child.signal('SIGKILL')
    const dead = (await watcher.next()).value!

    assert.deepEqual([blocked.workers[0]!.blocked, dead.workers, dead.gone[0]!.id], [true, [], 'w'])
    await watcher.return!()
  })

  it('does not wake a watcher that has not asked who is blocked', async () => {
    const child = await startWorker(baseDir, 'blocks')
    using board = new Scoreboard({ baseDir })
    const watcher = board.watch()
    await watcher.next()

    child.process.send('block')
    const change = (await watcher.next()).value!

    // The block ends with an update: the first news that there are.
    assert.deepEqual(
      change.workers.map(({ status, blocked }: WorkerChange) => [status, blocked]),
      [['back', undefined]],
    )
    await watcher.return!()
  })
})
