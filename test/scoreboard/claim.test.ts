// Many workers that want the same thing at the same time.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { Scoreboard } from '../../lib'
import { type Child, startReady } from '../support/child'
import { tempDir } from '../support/temp-dir'

interface Answer {
  value?: unknown
  code?: string
  message?: string
}

function startWorkers(count: number, options: (index: number) => object): Promise<Child[]> {
  return Promise.all(
    Array.from({ length: count }, (_, i) => startReady('worker', JSON.stringify(options(i)))),
  )
}

function askAll(workers: Child[], request: object): Promise<Answer[]> {
  return Promise.all(workers.map((worker) => worker.ask<Answer>(request)))
}

describe('Scoreboard, when many come at once', () => {
  it('is one board for 8 processes that create it together, in 100 rounds', async () => {
    const parent = tempDir()
    const workers = await Promise.all(Array.from({ length: 8 }, () => startReady('creator')))
    for (let round = 0; round < 100; round++) {
      const baseDir = path.join(parent, `${round}`)

      const answers = await Promise.all(
        workers.map((worker, i) => worker.ask<Answer & { boardId: string }>({ baseDir, workerId: `${i}` })),
      )

      assert.deepEqual([...new Set(answers.map(({ message }) => message))], [undefined])
      assert.equal(new Set(answers.map(({ boardId }) => boardId)).size, 1)
      using board = new Scoreboard({ baseDir })
      assert.equal(board.readAll().size, 8)
      assert.deepEqual(fs.readdirSync(baseDir), ['board'])
    }
  })

  it('gives an explicit id to exactly one of two, and tells the other', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    const workers = await startWorkers(2, () => ({ baseDir, workerId: 'wanted' }))
    for (let round = 0; round < 50; round++) {
      await askAll(workers, { method: 'open' })

      const codes = (await askAll(workers, { method: 'claim' })).map(({ code }) => code)

      assert.deepEqual(codes.sort(), ['ERR_ID_IN_USE', undefined])
      assert.equal(board.snapshot().workers.length, 1)
      await askAll(workers, { method: 'close' })
    }
  })

  it('gives each a slot and a default id of its own', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir, slots: 12 })
    const workers = await startWorkers(12, () => ({ baseDir }))
    await askAll(workers, { method: 'open' })

    await askAll(workers, { method: 'update', args: ['here'] })

    const entries = board.snapshot().workers
    assert.equal(entries.length, 12)
    assert.equal(new Set(entries.map(({ slot }) => slot)).size, 12)
    assert.deepEqual(entries.map(({ id }) => id).sort(), workers.map(({ pid }) => String(pid)).sort())
  })

  it('gives a handle that was closed its place back among the default ids', async () => {
    const baseDir = tempDir()
    const boards = Array.from({ length: 300 }, () => new Scoreboard({ baseDir }))
    for (const board of boards) board.claim()
    boards[6]!.close()
    using late = new Scoreboard({ baseDir })
    late.claim()

    assert.equal(boards[0]!.workerId, String(process.pid))
    assert.equal(boards[299]!.workerId, `${process.pid}#300`)
    assert.equal(late.workerId, `${process.pid}#7`)
    for (const board of boards) board.close()
  })

  it('is full for one more than there are slots, until one of them dies', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir, slots: 3 })
    const workers = await startWorkers(4, (i) => ({ baseDir, workerId: `${i}` }))
    await askAll(workers, { method: 'open' })
    await askAll(workers.slice(0, 3), { method: 'update', args: ['x'] })
    const last = workers[3]!

    const refused = await last.ask<Answer>({ method: 'claim' })
    await workers[1]!.killed()
    const taken = await last.ask<Answer>({ method: 'update', args: ['y'] })

    assert.equal(refused.code, 'ERR_BOARD_FULL')
    assert.match(refused.message!, /all 3 slots belong to living workers/)
    assert.deepEqual(taken, { value: undefined })
    assert.deepEqual([...board.readAll().keys()].sort(), ['0', '2', '3'])
  })

  it('says so when somebody has been stopped in the middle of a claim', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    // What a claimer stopped in the middle looks like: the claim byte locked, and nothing happening.
    const holder = await startReady('claim-lock-holder', path.join(baseDir, 'board'))

    assert.throws(() => board.update('x'), { code: 'ERR_BUSY' })
    assert.deepEqual(board.cleanup(), { slots: 0, files: 0 })
    assert.deepEqual(board.readAll(), new Map())

    await holder.killed()
    board.update('x')
    assert.equal(board.readAll().size, 1)
  })
})
