// How a worker ends, and what is told of it. Each ending is a real one, of a process or of a thread.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { type Changes, noteExits, type WorkerEntry } from '../../lib'
import { open } from '../support/boards'
import { startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
import { PROGRAMS } from '../support/paths'
import { tempDir } from '../support/temp-dir'

const LAST_WORDS = `at job 7${'.'.repeat(5000)}`

interface Told {
  entry: WorkerEntry | undefined
  gone: Changes['gone']
}

/** Whatever Node this is told to run: the newest in `npm run test:package`. */
const NODE = process.env.ROLLCALL_TEST_NODE ?? process.execPath

/** Lets a worker end in this way, and says what the board tells of it before and after cleaning. */
async function endedBy(where: 'process' | 'thread', how: string): Promise<Told & { totals: object }> {
  const baseDir = tempDir()
  const reader = open({ baseDir, counters: { jobs: 'counter' } })
  const heap = how === 'out of heap' && where === 'process' ? ['--max-old-space-size=30'] : []
  const args = [...heap, path.join(PROGRAMS, 'ending.js'), baseDir, where, how]
  const child = spawn(NODE, args, { stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = once(child, 'exit')
  const watcher = reader.watch()
  try {
    const next = async () => ((await watcher.next()) as { value: Changes }).value
    while (!(await next()).workers.some(({ status }) => status === LAST_WORDS));
    child.stdin.write('end')
    let { gone } = await next()
    while (gone.length === 0) ({ gone } = await next())
    const [entry] = reader.snapshot({ includeDead: true }).workers
    child.stdin.end()
    await ended
    reader.cleanup()
    return { gone, entry, totals: reader.totals() }
  } finally {
    child.kill('SIGKILL')
    await watcher.return!()
  }
}

describe('A worker that ends', () => {
  const CLEAN: ['process' | 'thread', string][] = [
    ['process', 'close'],
    ['process', 'end of the script'],
    ['process', 'exit 0'],
    ['process', 'exit code 0 set'],
    ['thread', 'close'],
    ['thread', 'end of the script'],
    ['thread', 'exit 0'],
  ]
  for (const [where, how] of CLEAN) {
    it(`has closed: a ${where}, by ${how}`, async () => {
      const { gone, entry, totals } = await endedBy(where, how)

      assert.deepEqual(
        gone.map(({ id, reason, ending }) => [id, reason, ending]),
        [['w', 'closed', undefined]],
      )
      assert.equal(entry, undefined)
      assert.deepEqual(totals, { jobs: 7 })
    })
  }

  const UNCLEAN: ['process' | 'thread', string, string | undefined][] = [
    ['process', 'exit 1', 'exited 1'],
    ['process', 'exit code 3 set', 'exited 3'],
    ['process', 'throw', 'exited 1'],
    ['process', 'rejection', 'exited 1'],
    ['process', 'SIGTERM', undefined],
    ['process', 'SIGKILL', undefined],
    ['process', 'abort', undefined],
    ['process', 'out of heap', undefined],
    ['thread', 'exit 1', 'exited 1'],
    ['thread', 'throw', 'exited 1'],
    ['thread', 'rejection', 'exited 1'],
    ['thread', 'terminate', 'terminated'],
    ['thread', 'out of heap', 'terminated'],
    ['thread', 'process exits', 'terminated'],
    ['thread', 'process throws', 'terminated'],
  ]
  for (const [where, how, ending] of UNCLEAN) {
    it(`has died, and its last words are there: a ${where}, by ${how}`, async () => {
      const { gone, entry, totals } = await endedBy(where, how)

      assert.deepEqual(
        gone.map(({ id, reason }) => [id, reason]),
        [['w', 'died']],
      )
      assert.equal(entry?.state, 'dead')
      assert.equal(entry.status, LAST_WORDS)
      assert.deepEqual(entry.counters, { jobs: 7 })
      assert.deepEqual([entry.ending, gone[0]!.ending], [ending, ending])
      assert.deepEqual(totals, { jobs: 7 })
    })
  }
})

describe('A parent that has seen its workers end', () => {
  it('tells of exit codes and signals that only it knows', async () => {
    const baseDir = tempDir()
    const primary = open({ baseDir })
    const listeners: ((...args: never[]) => void)[] = []
    const source = {
      on: (_: 'exit', listener: (...args: never[]) => void) => listeners.push(listener),
      removeListener: (_: 'exit', listener: (...args: never[]) => void) => {
        listeners.splice(listeners.indexOf(listener), 1)
      },
    }
    const undo = noteExits(source, primary)
    const worker = await startWorker(baseDir, 'web-1', 'at work')
    const { signal } = await worker.killed('SIGTERM')

    listeners[0]!({ process: worker.process } as never, null as never, signal as never)

    const [dead] = primary.snapshot({ includeDead: true }).workers
    assert.deepEqual([dead!.state, dead!.ending], ['dead', 'SIGTERM'])
    assert.ok(dead!.deadForMs! >= 0)
    assert.equal(primary.noteExit(worker.pid, 1), 1)
    assert.equal(primary.snapshot({ includeDead: true }).workers[0]!.ending, 'SIGTERM')
    undo()
    assert.equal(listeners.length, 0)
  })
})

describe('The dead', () => {
  it('make way for a successor of the same id at once', async () => {
    const baseDir = tempDir()
    const board = open({ baseDir })
    for (let reload = 0; reload < 4; reload++) {
      const worker = await startWorker(baseDir, 'web-1', 'at work')
      await worker.killed('SIGTERM')
    }
    const last = await startWorker(baseDir, 'web-1', 'at work')

    const { workers } = board.snapshot({ includeDead: true })

    assert.deepEqual(
      workers.map(({ id, pid, state, slot }) => [id, pid, state, slot]),
      [['web-1', last.pid, 'live', 0]],
    )
  })

  it('are left out when they have been dead for longer than wanted, and their slots are taken', async () => {
    const baseDir = tempDir()
    const board = open({ baseDir, deadForMs: 0 })
    const patient = open({ baseDir })
    const worker = await startWorker(baseDir, 'old', 'at work')
    await worker.killed()
    // Nobody knows yet for how long it has been dead.
    assert.equal(board.snapshot({ includeDead: true }).workers.length, 1)
    patient.update('next')
    await eventually(() => board.snapshot({ includeDead: true }).workers.length === 1, 'time to pass')

    const shown = patient.snapshot({ includeDead: true }).workers
    assert.deepEqual(
      shown.map(({ id, state, slot }) => [id, state, slot]),
      [
        ['old', 'dead', 0],
        [patient.workerId, 'live', 1],
      ],
    )
    board.update('another')
    assert.deepEqual(
      board.snapshot({ includeDead: true }).workers.map(({ id, slot }) => [id, slot]),
      [
        [board.workerId, 0],
        [patient.workerId, 1],
      ],
    )
  })
})
