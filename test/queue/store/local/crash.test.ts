// A queue on this machine while processes are killed or stopped, disks are full, and the machine is
// started anew: a typed error or a clean recovery, never a hang, never a lost item.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import Database from 'libsql'
import type { WatchdogError, WatchdogQueue } from '../../../../lib'
import { BoardBytes, HEADER_FIELDS } from '../../../support/board-file'
import { type Child, startReady } from '../../../support/child'
import { runCli } from '../../../support/cli'
import { eventually } from '../../../support/eventually'
import { killEvery, survive } from '../../../support/fleet'
import { Hand } from '../../../support/hand'
import { runAsOther } from '../../../support/other-user'
import { LIB } from '../../../support/paths'
import { connect } from '../../../support/queue'
import { fillUp, mountSmallDisk } from '../../../support/small-disk'
import { strace } from '../../../support/strace'
import { tempDir } from '../../../support/temp-dir'

const LIMIT_MS = 120_000

function freshDirectory(): string {
  return path.join(tempDir(), 'queue')
}

function databaseOf(directory: string): string {
  const folder = path.join(directory, 'queue')
  return path.join(folder, fs.readdirSync(folder).find((name) => name.endsWith('.db'))!)
}

/** The state says "acked"; the marker of its page, which the worker removes next, is still there. */
function pretendAcked(directory: string): void {
  const database = new Database(databaseOf(directory))
  const row = database.prepare("SELECT path, data FROM nodes WHERE path LIKE '%/states/%'").get() as {
    path: string
    data: Buffer
  }
  const acked = { ...JSON.parse(row.data.toString()), claims: [], done: 1 }
  database
    .prepare('UPDATE nodes SET data = ?, version = version + 1 WHERE path = ?')
    .run(Buffer.from(JSON.stringify(acked)), row.path)
  database.close()
}

describe('A queue on this machine, when workers are killed', function () {
  this.timeout(LIMIT_MS)

  it('is done, each of 5,000 items acked once by ten workers, while one is killed every 200 ms', async () => {
    const url = freshDirectory()
    const master = await connect(url)
    const kills = 6
    const trial = { master, url, workers: 10, items: 5000, itemMs: 2, sessionMs: 1000, limitMs: LIMIT_MS }

    await survive(trial, killEvery(200, kills), kills + 1)
  })

  it('gives the item of a killed worker to one that waits, as soon as the kernel tells of the death', async () => {
    const directory = freshDirectory()
    const waiter = await connect(directory)
    // So rare a look that only the death itself can be what wakes it.
    await waiter.createQueue({ queue: ['a'], timerMs: 3_600_000 })
    const holder = await Hand.on(directory)
    await holder.do('queue', 'createTimer', 'holder')
    await holder.do('timer', 'lease')
    const timer = await waiter.createTimer('waiter')
    const waiting = timer.lease({ waitMs: LIMIT_MS })

    await holder.child.killed()
    const lease = await waiting

    assert.deepEqual([lease!.item, lease!.attempt], ['a', 2])
    await lease!.ack()
  })

  it('needs nobody to say that it is done: not when the last worker is killed before it could', async () => {
    const directory = freshDirectory()
    const master = await connect(directory)
    await master.createQueue({ queue: ['a'], timerMs: 3_600_000 })
    const last = await Hand.on(directory)
    await last.do('queue', 'createTimer', 'last')
    await last.do('timer', 'lease')
    pretendAcked(directory)
    let dones = 0
    const abort = new AbortController()
    const watching = (async () => {
      for await (const { type } of master.events({ signal: abort.signal })) if (type === 'done') dones++
    })().catch(() => {})
    const waiting = master.waitDone({ timeoutMs: LIMIT_MS })

    await last.child.killed()

    assert.deepEqual((await waiting).done, 1)
    await eventually(() => dones > 0, 'the event')
    abort.abort()
    await watching
    assert.equal(dones, 1)
  })
})

describe('A queue on this machine, whose last item was acked by a worker that went no further', () => {
  it('is done for whoever asks for the next item', async () => {
    const directory = freshDirectory()
    const worker = await Hand.on(directory)
    await worker.do('queue', 'createQueue', { queue: ['a'], timerMs: 3_600_000 })
    await worker.do('queue', 'createTimer', 'worker')
    await worker.do('timer', 'lease')
    pretendAcked(directory)
    await worker.child.killed()

    const { code } = await runCli(['queue', 'consume', '--queue', directory])

    assert.equal(code, 5, 'finished for ever, not empty for now')
  })
})

describe('A queue on this machine, while another process holds its database', function () {
  this.timeout(LIMIT_MS)
  let directory: string
  let queue: WatchdogQueue
  let holder: Child

  beforeEach(async () => {
    directory = freshDirectory()
    queue = await connect(directory, { connectTimeoutMs: 600 })
    await queue.createQueue({ queue: ['a', 'b'] })
    holder = await startReady('database-holder', directory)
    holder.signal('SIGSTOP')
  })
  afterEach(() => holder.killed())

  it('can be opened and read, and a write is ERR_TIMEOUT with a live event loop', async () => {
    let turns = 0
    const counting = setInterval(() => turns++, 5)
    const other = await connect(directory, { connectTimeoutMs: 600 })

    assert.equal(await other.queueCount(), 2)
    const writes = await Promise.allSettled([queue.consume(), other.createTimer('w'), other.destroy()])
    for (const write of writes) {
      const { code, retryable, maybeApplied, message } = (write as PromiseRejectedResult)
        .reason as WatchdogError
      assert.deepEqual([code, retryable, maybeApplied], ['ERR_TIMEOUT', true, false])
      assert.match(message, /another process/)
    }
    clearInterval(counting)

    assert.ok(turns > 20, `${turns} turns of the loop`)
  })

  it('goes on when that process is killed in its transaction, and nothing of it is seen', async () => {
    const waiting = connect(directory).then((other) => other.consume())

    await holder.killed()

    assert.ok(['a', 'b'].includes((await waiting)!))
    assert.deepEqual(await queue.counts(), {
      total: 2,
      ready: 1,
      delayed: 0,
      leased: 0,
      done: 1,
      dead: 0,
      failed: 0,
      retried: 0,
    })
  })

  it('lets a wait end when its time is over', async () => {
    await assert.rejects(queue.waitDone({ timeoutMs: 300 }), { code: 'ERR_TIMEOUT' })
    assert.equal(await queue.waitStarted({ count: 1, timeoutMs: 300 }), false)
  })
})

describe('A queue on this machine, whose maker or destroyer is killed at any step', function () {
  this.timeout(LIMIT_MS)

  /** Runs `body` in a process that is killed at its system call number `step` of that kind; false when there were fewer. */
  function killedAt(call: string, step: number, body: string): boolean {
    const lib = JSON.stringify(LIB)
    const program = `const { WatchdogQueue } = require(${lib}); require('node:fs').existsSync('/warm');
      (async () => {${body}})()`
    const inject = `inject=${call}:signal=SIGKILL:when=${step}`
    const log = path.join(tempDir(), 'trace')
    // One thread does all that is not done by the main one, so that its calls have an order.
    const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
    const { signal, status } = spawnSync(
      strace(),
      ['-f', '-o', log, '-e', `trace=${call}`, '-e', inject, process.execPath, '-e', program],
      { encoding: 'utf8', env },
    )
    assert.ok(signal === 'SIGKILL' || status === 137 || status === 0, `${signal} ${status}`)
    return status !== 0
  }

  // A flush follows each of the root's own steps, so a kill there is one between the steps of destroy().
  for (const call of ['mkdir', 'rename', 'fsync', 'fdatasync', 'unlink', 'rmdir'] as const) {
    it(`leaves the whole queue or none, and a free place, when it is killed at a ${call}`, async () => {
      let step = 1
      for (let killed = true; killed; step++) {
        const directory = freshDirectory()
        const url = JSON.stringify(directory)
        killed = killedAt(
          call,
          step,
          `const queue = await WatchdogQueue.connect(${url})
           await queue.createQueue({ queue: Array.from({ length: 150 }, (_, i) => 'item ' + i), syncStart: true })
           await queue.destroy()
           await queue.close()`,
        )
        const observer = await connect(directory)
        const found = await observer.attachQueue().then(
          () => true,
          (error) => {
            assert.equal(error.code, 'ERR_NOT_FOUND')
            return false
          },
        )
        if (found) assert.equal((await observer.counts()).total, 150)
        else await observer.createQueue({ queue: ['new'] })
        await observer.destroy()
        await observer.close()
        const left = fs.existsSync(directory) ? fs.readdirSync(directory) : []
        // What somebody may still be making is left to the next one, for a minute.
        assert.deepEqual(
          left.filter((name) => !name.startsWith('.new-')),
          [],
          `step ${step}`,
        )
      }
      assert.ok(step > 2, `${step - 1} steps`)
    })
  }
})

describe('A queue on this machine, after a power cut', () => {
  it('takes the workers of the earlier boot for dead, and has all items', async () => {
    const directory = freshDirectory()
    const before = await Hand.on(directory)
    await before.do('queue', 'createQueue', { queue: ['a', 'b'], timerMs: 3_600_000 })
    await before.do('queue', 'createTimer', 'before')
    await before.do('timer', 'lease')
    await before.child.killed()
    const board = new BoardBytes(path.join(directory, 'queue', 'board'))
    board.bytes.fill(7, HEADER_FIELDS.bootId[0], HEADER_FIELDS.bootId[0] + 16)
    board.signHeader()
    board.save()

    const queue = await connect(directory)
    const timer = await queue.createTimer('after')
    const items: string[] = []
    await timer.run(async ({ item }) => items.push(item))

    assert.deepEqual(items.sort(), ['a', 'b'])
    const states = (await queue.getTimers()).map(({ id, state }) => [id, state])
    assert.deepEqual(states, [
      ['before', 'died'],
      ['after', 'alive'],
    ])
  })
})

describe('A queue on this machine, of an older format', () => {
  it('is ERR_VERSION, and stays as it is', async () => {
    const directory = freshDirectory()
    const queue = await connect(directory)
    await queue.createQueue({ queue: ['a'] })
    await queue.close()
    const database = new Database(databaseOf(directory))
    database.exec('PRAGMA user_version = 99')
    database.close()

    await assert.rejects(connect(directory), {
      code: 'ERR_VERSION',
      message: /format 99.*remove its directory/,
    })

    assert.ok(fs.existsSync(databaseOf(directory)))
  })
})

describe('A queue on a file system of its own', () => {
  let mountPoint: string

  beforeEach(function () {
    const directory = tempDir()
    if (!mountSmallDisk(directory, 'size=12m,mode=755')) this.skip() // only root may mount
    mountPoint = directory
  })
  afterEach('unmount', () => {
    // Lazily: descriptors of a closed handle stay until they are collected as garbage.
    if (mountPoint !== undefined) execFileSync('umount', ['-l', mountPoint])
  })

  it('lies in the mount point itself, and leaves it empty', async () => {
    const queue = await connect(mountPoint)

    await queue.createQueue({ queue: ['a'] })
    assert.equal(await queue.consume(), 'a')
    await queue.destroy()

    assert.deepEqual(fs.readdirSync(mountPoint), [])
  })

  it('is ERR_NO_SPACE to make when the disk is full, and leaves nothing', async () => {
    fillUp(mountPoint)
    const queue = await connect(path.join(mountPoint, 'queue'))

    await assert.rejects(queue.createQueue({ queue: ['a'] }), { code: 'ERR_NO_SPACE' })

    assert.deepEqual(
      fs.readdirSync(mountPoint).filter((name) => name !== 'filler' && name !== 'queue'),
      [],
    )
    fs.rmSync(path.join(mountPoint, 'filler'))
    await queue.createQueue({ queue: ['a'] })
    assert.equal(await queue.consume(), 'a')
  })

  it('is ERR_NO_SPACE to write to when the disk has been filled since, and loses nothing', async () => {
    const queue = await connect<string>(path.join(mountPoint, 'queue'))
    await queue.createQueue({ queue: ['a', 'b', 'c'], sealed: false })
    const timer = await queue.createTimer('worker')
    fillUp(mountPoint)

    await assert.rejects(queue.add(['x'.repeat(900_000)]), { code: 'ERR_NO_SPACE' })

    fs.rmSync(path.join(mountPoint, 'filler'))
    await queue.add(['d'])
    await queue.seal()
    const items: string[] = []
    await timer.run(async ({ item }) => items.push(item))
    assert.deepEqual(items.sort(), ['a', 'b', 'c', 'd'])
  })

  it('is ERR_READ_ONLY where nothing may be written', async () => {
    const directory = path.join(mountPoint, 'queue')
    const queue = await connect(directory)
    await queue.createQueue({ queue: ['a'] })
    await queue.close()
    // A bind mount of itself may be read-only although descriptors that can write are open elsewhere.
    const view = tempDir()
    execFileSync('mount', ['--bind', mountPoint, view])
    try {
      execFileSync('mount', ['-o', 'remount,bind,ro', view])

      await assert.rejects(connect(path.join(view, 'queue')), { code: 'ERR_READ_ONLY' })
      await assert.rejects((await connect(path.join(view, 'new'))).createQueue(), { code: 'ERR_READ_ONLY' })
    } finally {
      execFileSync('umount', ['-l', view])
    }
  })
})

describe('A queue on this machine, and another user', () => {
  it('is ERR_AUTH for a user that may not read it', async function () {
    if (process.getuid?.() !== 0) this.skip() // only root can become somebody else
    const parent = tempDir()
    fs.chmodSync(parent, 0o755)
    const directory = path.join(parent, 'queue')
    await (await connect(directory)).createQueue({ queue: ['a'] })
    const program = `const { WatchdogQueue } = require(LIB)
      WatchdogQueue.connect(${JSON.stringify(directory)}).then(() => 'fine', ({ code }) => code).then(console.log)`

    const { stdout, stderr } = runAsOther(program, ['libsql'])

    assert.equal(stdout.trim(), 'ERR_AUTH', stderr)
  })
})
