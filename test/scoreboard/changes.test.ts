// changes(): what moved since a cursor, and nothing else.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { type Changes, type Cursor, Scoreboard } from '../../lib'
import { type Child, startReady } from '../support/child'
import { tempDir } from '../support/temp-dir'

function told(changes: Changes): unknown {
  return {
    workers: changes.workers.map(({ id, status, merged, isNew }) => ({ id, status, merged, isNew })),
    gone: changes.gone.map(({ id, reason }) => ({ id, reason })),
  }
}

async function startWorker(baseDir: string, workerId: string): Promise<Child> {
  const worker = await startReady('worker', JSON.stringify({ baseDir, workerId }))
  await worker.ask({ method: 'open' })
  return worker
}

describe('changes()', () => {
  it('tells everything at first, then only what moved', () => {
    const baseDir = tempDir()
    using manager = new Scoreboard({ baseDir, readOnly: false })
    using a = new Scoreboard({ baseDir, workerId: 'a' })
    using b = new Scoreboard({ baseDir, workerId: 'b' })
    a.update('a1')
    b.claim()

    const first = manager.changes()
    const nothing = manager.changes(first.cursor)
    a.update('a2')
    a.update('a3')
    const second = manager.changes(first.cursor)
    b.update('b1')
    const third = manager.changes(second.cursor)

    assert.deepEqual(told(first), {
      workers: [
        { id: 'a', status: 'a1', merged: 1, isNew: true },
        { id: 'b', status: undefined, merged: 0, isNew: true },
      ],
      gone: [],
    })
    assert.deepEqual(told(nothing), { workers: [], gone: [] })
    assert.equal(nothing.cursor, first.cursor)
    assert.deepEqual(told(second), {
      workers: [{ id: 'a', status: 'a3', merged: 2, isNew: false }],
      gone: [],
    })
    assert.deepEqual(told(third), { workers: [{ id: 'b', status: 'b1', merged: 1, isNew: false }], gone: [] })
  })

  it('tells an update once, also when it came while the file of the one before was being opened', () => {
    using board = new Scoreboard({ baseDir: tempDir(), workerId: 'w' })
    board.update('long'.repeat(1000))
    const { openSync } = fs
    fs.openSync = (...args) => {
      fs.openSync = openSync
      for (const text of ['a', 'b', 'c']) board.update(text)
      return openSync(...args)
    }

    const first = board.changes()
    const second = board.changes(first.cursor)

    assert.deepEqual(told(first), {
      workers: [{ id: 'w', status: 'c', merged: 4, isNew: true }],
      gone: [],
    })
    assert.deepEqual(told(second), { workers: [], gone: [] })
  })

  it('tells exactly the five that moved among 100, and then nothing', async () => {
    const baseDir = tempDir()
    using manager = new Scoreboard({ baseDir })
    const mortal = await startWorker(baseDir, 'mortal')
    await mortal.ask({ method: 'update', args: ['soon dead'] })
    const workers = Array.from({ length: 99 }, (_, i) => new Scoreboard({ baseDir, workerId: `w${i}` }))
    for (const worker of workers) worker.update('0')
    const { cursor } = manager.changes()

    workers[10]!.update('1')
    for (let i = 0; i < 5; i++) workers[20]!.update(`${i}`)
    workers[98]!.update('1')
    await mortal.killed()
    workers[50]!.close()
    using heir = new Scoreboard({ baseDir, workerId: 'heir' }) // takes the slot of w50
    heir.update('here')
    const changes = manager.changes(cursor)

    assert.deepEqual(told(changes), {
      workers: [
        { id: 'w10', status: '1', merged: 1, isNew: false },
        { id: 'w20', status: '4', merged: 5, isNew: false },
        { id: 'heir', status: 'here', merged: 1, isNew: true },
        { id: 'w98', status: '1', merged: 1, isNew: false },
      ],
      gone: [
        { id: 'mortal', reason: 'died' },
        { id: 'w50', reason: 'closed' },
      ],
    })
    assert.equal(changes.gone[1]!.slot, changes.workers[2]!.slot)
    assert.equal(changes.gone[1]!.epoch + 1, changes.workers[2]!.epoch)
    assert.deepEqual(told(manager.changes(changes.cursor)), { workers: [], gone: [] })
    for (const worker of workers) worker.close()
  })

  it('tells an end once, however it is cleaned up, and to each cursor that knew of it', async () => {
    const baseDir = tempDir()
    using manager = new Scoreboard({ baseDir })
    using other = new Scoreboard({ baseDir, readOnly: true })
    const worker = await startWorker(baseDir, 'w')
    await worker.ask({ method: 'update', args: ['x'] })
    const cursors: Cursor[] = [manager.changes().cursor, manager.snapshot().cursor, other.changes().cursor]
    await worker.killed()

    const beforeCleaning = manager.changes(cursors[0])
    manager.cleanup()
    const afterCleaning = manager.changes(cursors[1])
    const elsewhere = other.changes(cursors[2])

    for (const changes of [beforeCleaning, afterCleaning, elsewhere]) {
      assert.deepEqual(told(changes), { workers: [], gone: [{ id: 'w', reason: 'died' }] })
    }
    for (const [board, changes] of [
      [manager, beforeCleaning],
      [manager, afterCleaning],
      [other, elsewhere],
    ] as const) {
      assert.deepEqual(told(board.changes(changes.cursor)), { workers: [], gone: [] })
    }
  })

  it('leaves a cursor as it was, however often it is used and whatever it led to', () => {
    const baseDir = tempDir()
    using manager = new Scoreboard({ baseDir, readOnly: false })
    const a = new Scoreboard({ baseDir, workerId: 'a' })
    a.update('a1')
    const { cursor } = manager.changes()
    a.close()
    using b = new Scoreboard({ baseDir, workerId: 'b' })
    b.update('b1')

    const answers = [1, 2, 3].map(() => told(manager.changes(cursor)))

    for (const answer of answers) {
      assert.deepEqual(answer, {
        workers: [{ id: 'b', status: 'b1', merged: 1, isNew: true }],
        gone: [{ id: 'a', reason: 'closed' }],
      })
    }
  })

  it('does not tell again of a death that a snapshot has shown', async () => {
    const baseDir = tempDir()
    using manager = new Scoreboard({ baseDir })
    const worker = await startWorker(baseDir, 'w')
    await worker.ask({ method: 'update', args: ['x'] })
    await worker.killed()

    const { workers, cursor } = manager.snapshot({ includeDead: true })

    assert.equal(workers[0]!.state, 'dead')
    assert.deepEqual(told(manager.changes(cursor)), { workers: [], gone: [] })
  })

  it('says how the owner that was known ended, when others have come and gone in its slot since', async () => {
    const baseDir = tempDir()
    using manager = new Scoreboard({ baseDir, slots: 1 })
    const mortal = await startWorker(baseDir, 'mortal')
    await mortal.ask({ method: 'claim' })
    const { cursor } = manager.changes()
    await mortal.killed()
    for (let i = 0; i < 10; i++) {
      using passing = new Scoreboard({ baseDir, workerId: `p${i}` })
      passing.update('x')
    }

    assert.deepEqual(told(manager.changes(cursor)), { workers: [], gone: [{ id: 'mortal', reason: 'died' }] })
  })

  it('does not call a counter alone a change', () => {
    const baseDir = tempDir()
    using worker = new Scoreboard({ baseDir, counters: { n: 'counter' } })
    worker.update('x')
    const { cursor } = worker.changes()

    worker.counters.add('n')

    assert.deepEqual(told(worker.changes(cursor)), { workers: [], gone: [] })
  })

  it('refuses what is no cursor of this board', () => {
    using one = new Scoreboard({ baseDir: tempDir() })
    using two = new Scoreboard({ baseDir: tempDir() })

    assert.throws(() => one.changes({} as Cursor), TypeError)
    assert.throws(() => one.changes('x' as never), TypeError)
    assert.throws(() => one.changes(two.changes().cursor), RangeError)
  })
})
