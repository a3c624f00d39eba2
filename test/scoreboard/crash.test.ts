// What is left of workers that were killed, stopped or forgotten.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { Scoreboard } from '../../lib'
import { type Child, startChild, startReady } from '../support/child'
import { eventually } from '../support/eventually'
import { LIB } from '../support/paths'
import { tempDir } from '../support/temp-dir'

const INLINE_BYTES = 1024

function onlyByte(status: unknown): boolean {
  return typeof status === 'string' && (status === '' || status === status[0]!.repeat(status.length))
}

async function startWorker(baseDir: string, workerId: string): Promise<Child> {
  const worker = await startReady('worker', JSON.stringify({ baseDir, workerId }))
  await worker.ask({ method: 'open' })
  return worker
}

/** Sanitizers make every process slow to start, and so ask for fewer. */
const ROUNDS = Number(process.env.ROLLCALL_TEST_KILLS ?? 60)

describe('Scoreboard, when workers write without pause', () => {
  it('never shows a mix of two statuses, in 100,000 reads', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    const ids = ['a', 'b', 'c']
    await Promise.all(ids.map((id) => startReady('hot-writer', baseDir, id, String(INLINE_BYTES))))
    let reads = 0
    const seen = new Set<string>()

    while (reads < 100_000) {
      for (const [id, status] of board.readAll()) {
        assert.ok(onlyByte(status), `${id} showed ${JSON.stringify(status)}`)
        seen.add(status as string)
        reads++
      }
    }

    assert.ok(seen.size > 100, `only ${seen.size} different statuses: the writers did not write`)
    assert.deepEqual([...board.readAll().keys()].sort(), ids)
  })
})

describe('Scoreboard, when a worker is killed', () => {
  it(`keeps its last complete status, wherever the kill landed, in ${ROUNDS} rounds`, async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    let next = startReady('hot-writer', baseDir, 'w0', String(INLINE_BYTES))
    let lastEpoch = 0
    for (let round = 0; round < ROUNDS; round++) {
      const worker = await next
      // The next one starts while this one dies, on purpose: claims and deaths meet.
      next = startReady('hot-writer', baseDir, `w${round + 1}`, String(INLINE_BYTES))
      next.catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
      await worker.killed('SIGKILL')

      const dead = board.snapshot({ includeDead: true }).workers.find(({ id }) => id === `w${round}`)
      assert.ok(dead, `round ${round}: nothing is known of the dead`)
      assert.equal(dead.state, 'dead')
      assert.equal(dead.error, undefined)
      assert.ok(onlyByte(dead.status), `round ${round}: a mix`)
      assert.ok(dead.updates > 0)
      assert.ok(!board.readAll().has(`w${round}`))
      if (dead.slot === 0) {
        assert.ok(dead.epoch > lastEpoch)
        lastEpoch = dead.epoch
      }
      assert.ok(board.snapshot().workers.length <= 1)
      assert.equal(
        board.snapshot({ includeDead: true }).workers.some(({ id }) => id === `w${round}`),
        false,
      )
    }
    await (await next).killed()
    assert.ok(lastEpoch > ROUNDS / 6, 'the slot was not used again and again')
  })

  it('uses its slot again, and the next owner never shows its bytes', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir, slots: 1 })
    const first = await startWorker(baseDir, 'first')
    await first.ask({ method: 'update', args: ['secret'.repeat(100)] })
    await first.killed()

    const second = await startWorker(baseDir, 'second')
    await second.ask({ method: 'claim' })
    const claimed = board.snapshot().workers
    await second.ask({ method: 'update', args: ['s'] })

    assert.deepEqual([claimed[0]!.id, claimed[0]!.epoch, claimed[0]!.status], ['second', 2, undefined])
    assert.deepEqual(board.readAll(), new Map([['second', 's']]))
  })

  it('calls an unreaped zombie dead', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    const script = `
      const { Scoreboard } = require(${JSON.stringify(LIB)})
      new Scoreboard({ baseDir: ${JSON.stringify(baseDir)}, workerId: 'z' }).update('still here')
      console.log(process.pid)
      setInterval(() => {}, 1000)`
    // The shell starts the worker, becomes a sleep that does not know its child, and never reaps it.
    const parent = spawn('sh', ['-c', `"$0" -e "$1" & exec sleep 1000`, process.execPath, script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const [line] = (await once(parent.stdout!, 'data')) as [Buffer]
      const pid = Number(line.toString())
      assert.equal(board.readAll().get('z'), 'still here')

      process.kill(pid, 'SIGKILL')
      const isZombie = () => / Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/\(.*\)/, ''))
      // Its main thread is a zombie before its other threads have ended, and they hold the lock.
      const state = () => board.snapshot({ includeDead: true }).workers[0]!.state
      await eventually(() => isZombie() && state() === 'dead', 'the zombie to be called dead')

      assert.equal(board.readAll().size, 0)
      assert.ok(isZombie(), 'somebody has reaped it')
    } finally {
      parent.kill('SIGKILL')
      await once(parent, 'exit')
    }
  })

  it('calls it dead although a child that it started lives on', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    const worker = await startReady('parent-worker', baseDir)
    const { pid } = await worker.ask<{ pid: number }>('spawn')
    try {
      assert.equal(board.readAll().get('parent'), 'with child')

      await worker.killed()

      process.kill(pid, 0) // the child lives
      assert.equal(board.snapshot({ includeDead: true }).workers[0]!.state, 'dead')
      assert.equal(board.readAll().size, 0)
    } finally {
      process.kill(pid, 'SIGKILL')
    }
  })

  it('is not confused by a worker that restarts under its old id while others clean', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    for (let round = 0; round < 20; round++) {
      const worker = await startWorker(baseDir, 'same')
      await worker.ask({ method: 'update', args: [`${round}`] })
      board.cleanup()

      assert.deepEqual(board.readAll(), new Map([['same', `${round}`]]))
      await worker.killed()
    }
    assert.equal(board.cleanup().slots, 1)
  })
})

describe('Scoreboard, when a worker is stopped', () => {
  it('reads its newest status at once and counts it as living', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    const worker = await startReady('hot-writer', baseDir, 'w', String(INLINE_BYTES))
    for (let round = 0; round < 20; round++) {
      worker.signal('SIGSTOP')
      const stat = `/proc/${worker.pid}/stat`
      await eventually(() => / T /.test(fs.readFileSync(stat, 'latin1')), 'the worker to stop')

      const first = board.readAll().get('w')
      const again = board.readAll().get('w')

      assert.ok(onlyByte(first))
      assert.equal(again, first)
      assert.equal(board.snapshot().workers[0]!.state, 'live')
      worker.signal('SIGCONT')
      await eventually(() => board.readAll().get('w') !== first, 'the worker to go on')
    }
  })
})

describe('Scoreboard, when code around it touches the file', () => {
  it('keeps a worker alive whose process opens and closes the board file', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    using worker = new Scoreboard({ baseDir, workerId: 'w' })
    worker.update('x')
    const manager = await startReady('worker', JSON.stringify({ baseDir }))
    await manager.ask({ method: 'open' })

    for (let i = 0; i < 10; i++) fs.closeSync(fs.openSync(path.join(baseDir, 'board'), 'r+'))
    fs.readFileSync(path.join(baseDir, 'board'))

    assert.deepEqual(board.readAll(), new Map([['w', 'x']]))
    assert.deepEqual(await manager.ask({ method: 'readAll' }), { value: new Map([['w', 'x']]) })
  })

  it('leaves nothing but the board when a creator is killed on the way, and lets others create it', async () => {
    const baseDir = tempDir()
    for (let round = 0; round < 30; round++) {
      const creator = startChild('worker', JSON.stringify({ baseDir, slots: 4096, inlineBytes: 4096 }))
      await creator.message()
      creator.process.send({ method: 'open' })
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
      await creator.killed()

      using board = new Scoreboard({ baseDir, slots: 4096, inlineBytes: 4096 })
      board.cleanup()
      assert.deepEqual(fs.readdirSync(baseDir), ['board'])
      fs.unlinkSync(path.join(baseDir, 'board'))
    }
  })
})
