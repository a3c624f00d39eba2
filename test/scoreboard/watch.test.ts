// watch(): being told, instead of looking.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import fs from 'node:fs'
import { Worker } from 'node:worker_threads'
import { type Changes, Scoreboard } from '../../lib'
import { startChild, startReady } from '../support/child'
import { eventually } from '../support/eventually'
import { tempDir } from '../support/temp-dir'

function threads(): number {
  return fs.readdirSync('/proc/self/task').length
}

async function next(watcher: AsyncIterableIterator<Changes>): Promise<Changes> {
  const { value, done } = await watcher.next()
  assert.equal(done, false)
  return value
}

for (const readOnly of [false, true]) {
  describe(`watch(), on a handle that ${readOnly ? 'may only read' : 'may write'}`, () => {
    let baseDir: string
    let board: Scoreboard

    beforeEach(() => {
      baseDir = tempDir()
      new Scoreboard({ baseDir, sharedCounters: ['news'] }).close()
      board = new Scoreboard({ baseDir, readOnly })
    })

    afterEach(() => board.close())

    it('tells everything known, then a new worker, an update, and a SIGKILL', async () => {
      const worker = await startReady('worker', JSON.stringify({ baseDir, workerId: 'w' }))
      const watcher = board.watch()
      const first = await next(watcher)

      const whenNew = next(watcher)
      await worker.ask({ method: 'open' })
      await worker.ask({ method: 'update', args: ['hello'] })
      const changes = await whenNew
      // The claim and the first update may be told together or one after the other.
      const hello = changes.workers[0]!.status === undefined ? await next(watcher) : changes
      const whenUpdated = next(watcher)
      await worker.ask({ method: 'update', args: ['again'] })
      const updated = await whenUpdated
      const whenDead = next(watcher)
      await worker.killed()
      const dead = await whenDead

      assert.deepEqual(first.workers, [])
      assert.equal(hello.workers[0]!.status, 'hello')
      assert.equal(updated.workers[0]!.status, 'again')
      assert.deepEqual([updated.workers[0]!.isNew, updated.workers[0]!.merged], [false, 1])
      assert.deepEqual(
        dead.gone.map(({ id, reason }) => [id, reason]),
        [['w', 'died']],
      )
      await watcher.return!()
    })

    it('is woken by shared.add(), with nothing else to tell', async () => {
      using other = new Scoreboard({ baseDir })
      const watcher = board.watch()
      await next(watcher)

      const news = next(watcher)
      other.shared.add('news')
      const { workers, gone } = await news

      assert.deepEqual([workers, gone], [[], []])
      await watcher.return!()
    })

    it('rejects with the reason of an abort: before, while waiting, and between two results', async () => {
      const reason = new Error('enough')
      await assert.rejects(board.watch({ signal: AbortSignal.abort(reason) }).next(), reason)

      const whileWaiting = new AbortController()
      const watcher = board.watch({ signal: whileWaiting.signal })
      await next(watcher)
      const waiting = watcher.next()
      whileWaiting.abort(reason)
      await assert.rejects(waiting, reason)
      assert.deepEqual(await watcher.next(), { done: true, value: undefined })

      const between = new AbortController()
      const other = board.watch({ signal: between.signal })
      await next(other)
      between.abort(reason)
      await assert.rejects(other.next(), reason)
    })

    it('ends a pending next() when it is returned from, and rejects it when the board is closed', async () => {
      const returned = board.watch()
      await next(returned)
      const pending = returned.next()
      await returned.return!()
      assert.deepEqual(await pending, { done: true, value: undefined })

      const closed = board.watch()
      await next(closed)
      const rejected = assert.rejects(closed.next(), { code: 'ERR_CLOSED' })
      board.close()
      await rejected
    })

    it('answers calls of next() that overlap one after the other', async () => {
      using worker = new Scoreboard({ baseDir, workerId: 'w' })
      worker.update('0')
      const watcher = board.watch()
      const [first, second, third] = [next(watcher), next(watcher), next(watcher)]

      const statuses = [(await first).workers[0]!.status]
      worker.update('1')
      statuses.push((await second).workers[0]!.status)
      worker.update('2')
      statuses.push((await third).workers[0]!.status)

      assert.deepEqual(statuses, ['0', '1', '2'])
      await watcher.return!()
    })

    it('leaves no listener on its signal', async () => {
      const { signal } = new AbortController()
      const watcher = board.watch({ signal })
      await next(watcher)
      assert.equal(getEventListeners(signal, 'abort').length, 1)

      await watcher.return!()

      assert.equal(getEventListeners(signal, 'abort').length, 0)
    })

    it('tells twenty watchers of one signal the same, each in lists of its own, with one listener', async () => {
      const controller = new AbortController()
      const { signal } = controller
      const watchers = Array.from({ length: 20 }, () => board.watch({ signal }))
      for (const watcher of watchers) await next(watcher)
      const listeners = getEventListeners(signal, 'abort').length
      using worker = new Scoreboard({ baseDir, workerId: 'w' })
      const pending = watchers.map((watcher) => next(watcher))

      worker.update('news')
      const told: string[][] = []
      for (const changes of await Promise.all(pending)) {
        told.push(changes.workers.map(({ id, status }) => `${id}: ${status}`))
        changes.workers.length = 0
      }
      controller.abort()

      assert.equal(listeners, 1)
      assert.deepEqual(told, Array(20).fill(['w: news']))
      for (const watcher of watchers) await assert.rejects(watcher.next(), { name: 'AbortError' })
      assert.equal(getEventListeners(signal, 'abort').length, 0)
    })

    it('rejects with ERR_CLOSED: before the first result, and at once while it lets minIntervalMs pass', async () => {
      const early = board.watch()
      const resting = board.watch({ minIntervalMs: 2 ** 31 - 1 })
      await next(resting)
      const pending = resting.next()
      board.close()

      await assert.rejects(early.next(), { code: 'ERR_CLOSED' })
      await assert.rejects(pending, { code: 'ERR_CLOSED' })
    })

    it('ends with a time-out', async () => {
      const seen: Changes[] = []
      await assert.rejects(async () => {
        for await (const changes of board.watch({ signal: AbortSignal.timeout(50) })) seen.push(changes)
      }, /TimeoutError/)

      assert.equal(seen.length, 1)
    })
  })
}

describe('watch()', () => {
  it('merges a burst when minIntervalMs asks for it', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    using worker = new Scoreboard({ baseDir, workerId: 'w' })
    worker.update('0')
    let results = 0
    let merged = 0
    const burst = setInterval(() => worker.update('more'), 1)

    for await (const { workers } of board.watch({ minIntervalMs: 100 })) {
      results++
      merged += workers[0]!.merged
      if (merged > 100) break
    }
    clearInterval(burst)

    // Told one by one, a hundred updates would be a hundred results.
    assert.ok(results < 50, `${results} results for ${merged} updates`)
  })

  it('leaves no thread and no descriptor behind, after a hundred watches ended in every way', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    board.update('x')
    await (await board.watch()).return!()
    board.readAll()
    const before = { threads: threads(), descriptors: fs.readdirSync('/proc/self/fd').length }

    for (let i = 0; i < 100; i++) {
      const abort = new AbortController()
      const watcher = board.watch({ signal: abort.signal })
      await watcher.next()
      const pending = watcher.next().catch(() => {})
      if (i % 2 === 0) await watcher.return!()
      else abort.abort()
      await pending
    }

    // The kernel takes a thread off its list a moment after it could be joined.
    await eventually(() => threads() <= before.threads, 'the threads to be gone')
    assert.ok(fs.readdirSync('/proc/self/fd').length <= before.descriptors + 1)
  })

  it('does not keep files from being read, with a hundred watchers on eight handles', async () => {
    const baseDir = tempDir()
    const boards = Array.from({ length: 8 }, () => new Scoreboard({ baseDir }))
    const watchers = boards.flatMap((board) => Array.from({ length: 13 }, () => board.watch()))
    await Promise.all(watchers.map(next))
    const pending = watchers.map(next)

    for (let i = 0; i < 20; i++) await fs.promises.readFile(__filename)
    using worker = new Scoreboard({ baseDir, workerId: 'w' })
    worker.update('for all')
    const told = await Promise.all(pending)

    assert.equal(told.length, 104)
    for (const { workers } of told) assert.equal(workers[0]!.id, 'w')
    for (const board of boards) board.close()
  })

  it('does not keep a program running that only iterates no more', async () => {
    const child = await startReady('idle-watcher', tempDir())

    const exit = await child.exited

    assert.deepEqual(exit, { code: 0, signal: null })
  })

  it('keeps a program running that waits for the next result', async () => {
    const child = await startReady('idle-watcher', tempDir(), 'and waits')

    assert.deepEqual(await child.exited, { code: 3, signal: null })
  })

  it('is woken for each of 100 updates, and never has to wait for its next look', async () => {
    const baseDir = tempDir()
    const boards = Array.from({ length: 3 }, () => new Scoreboard({ baseDir }))
    using worker = new Scoreboard({ baseDir, workerId: 'w' })
    const watchers = boards.map((board) => board.watch())
    await Promise.all(watchers.map(next))

    // Looking by themselves, about once a second, they would take longer than a test may.
    for (let i = 0; i < 100; i++) {
      const news = watchers.map(next)
      await new Promise(setImmediate)
      worker.update(`${i}`)
      for (const { workers } of await Promise.all(news)) assert.equal(workers[0]!.status, `${i}`)
    }
    for (const board of boards) board.close()
  })

  it('wakes a program for a worker in a thread that is terminated', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    const thread = new Worker(require.resolve('../programs/thread.js'), { workerData: baseDir })
    await once(thread, 'message')
    const { threadId } = thread
    const watcher = board.watch({ minIntervalMs: 1 })
    await next(watcher)

    await thread.terminate()
    let gone: Changes['gone'] = []
    while (gone.length === 0) ({ gone } = await next(watcher))

    assert.deepEqual([gone[0]!.id, gone[0]!.reason], [`${process.pid}.${threadId}`, 'died'])
    await watcher.return!()
  })

  it('polls where the system has no thread left', async function () {
    if (spawnSync('prlimit', ['--version']).status !== 0) this.skip()
    const child = startChild('threadless-watcher', tempDir())

    assert.equal(await child.message(), 'hello')
  })

  it('notices that its board is gone', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    const watcher = board.watch()
    await next(watcher)

    fs.rmSync(`${baseDir}/board`)

    await assert.rejects(watcher.next(), { code: 'ERR_BOARD_REPLACED' })
  })

  it('refuses what is wrong', () => {
    using board = new Scoreboard({ baseDir: tempDir() })

    assert.throws(() => board.watch({ signal: 1 } as never), TypeError)
    assert.throws(() => board.watch({ minIntervalMs: -1 }), RangeError)
    assert.throws(() => board.watch({ interval: 1 } as never), /Unknown option 'interval'/)
  })
})
