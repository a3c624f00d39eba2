// Worker threads: a slot for each, given back however the thread ends.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { Scoreboard } from '../../lib'
import { PROGRAMS } from '../support/paths'
import { tempDir } from '../support/temp-dir'

const THREAD = path.join(PROGRAMS, 'thread.js')

async function startThread(baseDir: string): Promise<Worker> {
  const worker = new Worker(THREAD, { workerData: baseDir })
  await once(worker, 'message')
  return worker
}

function descriptors(): number {
  return fs.readdirSync('/proc/self/fd').length
}

function boardMappings(baseDir: string): number {
  return fs
    .readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(baseDir)).length
}

describe('Scoreboard, in worker threads', () => {
  it('gives each thread a slot and an id of its own', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    board.update('main')
    const threads = await Promise.all([startThread(baseDir), startThread(baseDir)])

    const { workers } = board.snapshot()

    assert.equal(workers.length, 3)
    for (const { threadId } of threads) {
      const entry = workers.find((one) => one.threadId === threadId)!
      assert.equal(entry.id, `${process.pid}.${threadId}`)
      assert.equal(entry.pid, process.pid)
    }
    await Promise.all(threads.map((thread) => thread.terminate()))
    assert.deepEqual([...board.readAll().keys()], [String(process.pid)])
  })

  it('says good-bye for a thread that ends, and keeps the last words of one that is terminated', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    const [ended, terminated] = await Promise.all([startThread(baseDir), startThread(baseDir)])

    const terminatedId = terminated.threadId
    for (const thread of [ended, terminated]) thread.postMessage('go')
    ended.postMessage('end')
    await once(ended, 'exit')
    await terminated.terminate()

    const workers = board.snapshot({ includeDead: true }).workers
    assert.deepEqual(
      workers.map(({ id, state, ending }) => [id, state, ending]),
      [[`${process.pid}.${terminatedId}`, 'dead', 'terminated']],
    )
    assert.match(workers[0]!.status as string, /^(ready|status \d+|(long)+)$/)
  })

  it('survives 8 threads that are terminated at random, for 20 rounds', async function () {
    this.timeout(240_000) // 160 threads take a busy machine more than a minute to start
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir, slots: 64 })
    // The first threads of a process leave descriptors of their own behind (timers, io).
    await (await startThread(baseDir)).terminate()
    board.readAll()
    const before = descriptors()
    const mappings = boardMappings(baseDir)
    for (let round = 0; round < 20; round++) {
      const threads = await Promise.all(Array.from({ length: 8 }, () => startThread(baseDir)))
      assert.equal(board.snapshot().workers.length, 8)
      // Only now: those that are up would take the processor from those that start.
      for (const thread of threads) thread.postMessage('go')
      await Promise.all(
        threads.map(async (thread) => {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 2))
          await thread.terminate()
        }),
      )

      const { workers } = board.snapshot({ includeDead: true })
      assert.deepEqual(
        workers.filter(({ state }) => state === 'live'),
        [],
      )
    }
    board.readAll()

    assert.equal(board.readAll().size, 0)
    assert.equal(boardMappings(baseDir), mappings)
    // Liveness watches this process itself by now; nothing else may have been added.
    assert.ok(descriptors() <= before + 2, `${before} descriptors before, ${descriptors()} after`)
  })
})
