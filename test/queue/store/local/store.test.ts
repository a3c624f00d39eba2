// What is particular to a queue in the files of one machine: where it may lie, what it leaves, what
// it asks of the kernel. What it shares with others is in the conformance suite.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { WatchdogQueue } from '../../../../lib'
import { openStore } from '../../../../lib/queue/connect'
import { LocalDatabase } from '../../../../lib/queue/store/local/database'
import { ANY_VERSION } from '../../../../lib/queue/store/store'
import { EMPTY } from '../../../../lib/util/bytes'
import { startReady } from '../../../support/child'
import { eventually } from '../../../support/eventually'
import { inspect } from '../../../support/inspection'
import { LIB, PROGRAMS } from '../../../support/paths'
import { connect } from '../../../support/queue'
import { strace } from '../../../support/strace'
import { tempDir } from '../../../support/temp-dir'

const TIMERS = 2000

/** Runs a script with the library in a process of its own. */
function script(body: string, options: { cwd?: string; uid?: number; gid?: number } = {}) {
  const lib = JSON.stringify(LIB)
  const program = `const { WatchdogQueue } = require(${lib});\n(async () => {${body}})()`
  return spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 60_000, ...options })
}

describe('The URL of a queue on this machine', () => {
  it('is local:DIR, or just the path, absolute or relative, and all of them mean the same queue', async () => {
    const directory = path.join(tempDir(), 'made', 'with parents')
    const queue = await connect(directory)
    await queue.createQueue({ queue: ['a', 'b', 'c', 'd'] })

    for (const url of [directory, `local:${directory}`, path.relative('.', directory), `${directory}/`]) {
      assert.equal(typeof (await (await connect(url)).consume()), 'string', url)
    }

    assert.equal(await queue.consume(), undefined)
  })

  it('makes nothing when it is connected to, and nothing when there is no queue', async () => {
    const directory = path.join(tempDir(), 'queue')

    const queue = await connect(directory)
    await assert.rejects(queue.attachQueue({ timeoutMs: 250 }), { code: 'ERR_NOT_FOUND' })
    await assert.rejects(queue.consume(), { code: 'ERR_NOT_FOUND' })
    await assert.rejects(queue.destroy(), { code: 'ERR_NOT_FOUND' })

    assert.equal(fs.existsSync(directory), false)
  })

  it('is refused when it is of another kind, or none', async () => {
    for (const url of ['', 'local:', 'redis:/x', 'a:b', 'local:a\0b', 7, undefined]) {
      await assert.rejects(WatchdogQueue.connect(url as string), TypeError)
    }
  })

  it('has no session to take over, and no nodes to look at', async () => {
    const directory = path.join(tempDir(), 'queue')
    const session = { id: '1', password: '0'.repeat(32) }

    await assert.rejects(connect(directory, { session }), { code: 'ERR_UNSUPPORTED' })
    const queue = await connect(directory, { heartbeat: 'thread' })

    assert.equal(queue.session, undefined)
    await assert.rejects(queue.node(''), { code: 'ERR_UNSUPPORTED' })
    await assert.rejects(queue.exists('x'), { code: 'ERR_UNSUPPORTED' })
  })

  it('says what to install where the package behind it is missing', () => {
    const hide = `const { _load } = require('node:module')
      require('node:module')._load = function (name, ...rest) {
        if (name === 'libsql') throw Object.assign(new Error('no'), { code: 'MODULE_NOT_FOUND' })
        return _load.call(this, name, ...rest)
      }`

    const { stdout } = script(
      `${hide}; await WatchdogQueue.connect('/tmp/x').catch(({ code, message }) => console.log(code, message))`,
    )

    assert.match(stdout, /^ERR_UNSUPPORTED .*npm install libsql/)
  })
})

describe('A node of the store of this machine', () => {
  it('is made or known to be missing its parent, also where another process makes that in between', async () => {
    const directory = path.join(tempDir(), 'queue')
    await (await connect(directory)).createQueue({ queue: ['a'] })
    const [{ store }, other] = [await inspect(directory), await inspect(directory)]
    const { insert } = LocalDatabase.prototype
    LocalDatabase.prototype.insert = function (node, ...rest) {
      const isMade = insert.call(this, node, ...rest)
      if (node === 'parent/child') {
        LocalDatabase.prototype.insert = insert
        void other.store.create('parent', EMPTY)
      }
      return isMade
    }
    try {
      const made = await store.create('parent/child', Buffer.from('mine'))

      assert.equal(made, 'created')
      assert.equal((await store.get('parent/child'))?.data.toString(), 'mine')
    } finally {
      LocalDatabase.prototype.insert = insert
    }
  })
})

describe('The directory of a queue on this machine', () => {
  it('is gone after destroy(), with every lock in it, and its neighbours are not', async () => {
    const parent = tempDir()
    const directory = path.join(parent, 'queue')
    fs.writeFileSync(path.join(parent, 'neighbour'), 'mine')
    const [master, worker] = [await connect(directory), await connect(directory)]
    await master.createQueue({ queue: ['a', 'b'] })
    const timer = await worker.createTimer('worker')
    await timer.lease()
    const inode = fs.statSync(path.join(directory, 'queue', 'board')).ino

    await master.destroy()
    await eventually(() => timer.signal.aborted, 'the worker to hear of it')

    assert.deepEqual(fs.readdirSync(parent), ['neighbour'])
    await eventually(() => !fs.readFileSync('/proc/locks', 'utf8').includes(`:${inode} `), 'the locks to go')
  })

  it('may be there before, with things in it that are not ours: they stay', async () => {
    const directory = tempDir()
    fs.writeFileSync(path.join(directory, 'precious'), 'mine')
    const queue = await connect(directory)

    await queue.createQueue({ queue: ['a'] })
    await queue.destroy()

    assert.deepEqual(fs.readdirSync(directory), ['precious'])
  })

  it('is refused when what is in our place is not ours', async () => {
    const directory = tempDir()
    fs.mkdirSync(path.join(directory, 'queue'))
    fs.writeFileSync(path.join(directory, 'queue', 'thesis.txt'), 'mine')
    const file = path.join(tempDir(), 'file')
    fs.writeFileSync(file, 'mine')

    await assert.rejects(connect(directory), { code: 'ERR_UNSUPPORTED', message: /left alone/ })
    await assert.rejects(connect(file), { code: 'ERR_UNSUPPORTED' })

    assert.equal(fs.readFileSync(path.join(directory, 'queue', 'thesis.txt'), 'utf8'), 'mine')
  })

  it('tells its workers when somebody removes it under their feet', async () => {
    const directory = path.join(tempDir(), 'queue')
    const queue = await connect(directory)
    await queue.createQueue({ queue: ['a'] })
    const timer = await queue.createTimer('worker')
    const lease = (await timer.lease())!
    const waiting = queue.waitDone()

    fs.rmSync(directory, { recursive: true })

    await assert.rejects(waiting, { code: 'ERR_CLOSED' })
    await assert.rejects(lease.ack(), { code: 'ERR_CLOSED' })
    assert.equal(await timer.kick(), false)
  })
})

describe('A watch on the children of a node on this machine', () => {
  it('tells of the end of the node itself, also where it has none', async () => {
    const directory = path.join(tempDir(), 'queue')
    const queue = await connect(directory)
    await queue.createQueue({ queue: ['a'] })
    const store = await openStore(directory, {})
    const open = `${(await store.list(''))![0]}/open`
    for (const name of (await store.list(open))!) await store.delete(`${open}/${name}`, ANY_VERSION)
    let calls = 0
    try {
      await store.watch(open, 'children', () => calls++)

      await store.delete(open, ANY_VERSION)

      await eventually(() => calls > 0, 'the watch')
    } finally {
      await store.close()
    }
  })
})

describe('A queue on this machine', function () {
  this.timeout(120_000)

  /** The names of the system calls of the main thread between the marks of queue-tracee. */
  async function traced(directory: string, what: string, times: number): Promise<string[]> {
    const log = path.join(tempDir(), 'trace')
    const tracee = path.join(PROGRAMS, 'queue-tracee.js')
    const command = ['-f', '-o', log, process.execPath, tracee, directory, what, String(times)]
    const { status, stderr } = spawnSync(strace(), command, { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const lines = fs.readFileSync(log, 'utf8').split('\n')
    const [main] = lines.find((line) => line.includes('/mark-begin'))!.split(' ')
    const begin = lines.findIndex((line) => line.includes('/mark-begin'))
    const end = lines.findIndex((line) => line.includes('/mark-end'))
    return lines.slice(begin + 1, end).flatMap((line) => {
      const [, thread, call] = /^(\d+) +(\w+)\(/.exec(line) ?? []
      // What another thread of the process was asked to do counts too, where it is a flush.
      return call !== undefined && (thread === main || /sync/.test(call)) ? [call] : []
    })
  }

  it('makes no system call for a kick', async () => {
    const directory = path.join(tempDir(), 'queue')
    await (await connect(directory)).createQueue({ queue: ['a'], timerMs: 1 })
    const kicks = 2000

    const calls = await traced(directory, 'kick', kicks)

    // The runtime's own: the loop's turns and the memory of the garbage collector. And about once a
    // second the board's waiter looks around.
    const others = calls.filter(
      (call) => !/^(epoll_|futex|madvise|m?protect|munmap|mmap|brk|read|write|getpid)/.test(call),
    )
    assert.ok(others.length < kicks / 50, `${others}`)
    assert.ok(calls.length < kicks, `${calls.length} system calls for ${kicks} kicks`)
  })

  it('waits for the disk at each consume(), and at no ack', async () => {
    const directory = path.join(tempDir(), 'queue')
    await (await connect(directory)).createQueue({ queue: Array.from({ length: 80 }, (_, i) => `${i}`) })
    const syncs = (calls: string[]) => calls.filter((call) => /sync/.test(call)).length

    const consumed = await traced(directory, 'consume', 20)
    const acked = await traced(directory, 'ack', 20)

    assert.ok(syncs(consumed) >= 20, `${syncs(consumed)} flushes for 20 consumes`)
    assert.equal(syncs(acked), 0)
  })

  it('is on the disk when createQueue() resolves: its rows, its names, and that it is open', () => {
    const directory = path.join(tempDir(), 'queue')
    const log = path.join(tempDir(), 'trace')
    const lib = JSON.stringify(LIB)
    const program = `require(${lib}).WatchdogQueue.connect(${JSON.stringify(directory)})
      .then((queue) => queue.createQueue({ queue: ['a'] })).then(() => process.exit())`
    const command = ['-f', '-y', '-e', 'trace=fsync,fdatasync', '-o', log, process.execPath, '-e', program]

    const { status, stderr } = spawnSync(strace(), command, { encoding: 'utf8' })

    assert.equal(status, 0, stderr)
    const flushed = [...fs.readFileSync(log, 'utf8').matchAll(/sync\(\d+<([^>]*)>/g)].map(([, file]) =>
      path.relative(directory, file!).replace(/[0-9a-f]{16}/g, 'ID'),
    )
    const order = ['.new-ID/ID.db', '.new-ID', '', 'queue/ID.db-wal']
    assert.equal(flushed.at(-1), order.at(-1))
    const last = order.map((file) => flushed.lastIndexOf(file))
    assert.ok(
      last.every((at, i) => at > (last[i - 1] ?? -1)),
      `${flushed}`,
    )
  })

  it('has room for two thousand timers, and tells of all of them when their process is killed', async () => {
    const directory = path.join(tempDir(), 'queue')
    const master = await connect(directory)
    await master.createQueue({ queue: ['a'], timerMs: 600_000 })

    const child = await startReady('many-timers', directory, String(TIMERS))
    assert.equal((await master.checkTimers()).alive, TIMERS)
    await child.killed()
    await eventually(async () => (await master.checkTimers()).alive === 0, 'their end')

    assert.equal((await master.checkTimers()).died, TIMERS)
  })

  it('has room for 100,000 items: made in one call, between turns of the event loop, and all of them leased', async () => {
    const queue = await connect(path.join(tempDir(), 'queue'))
    let turns = 0
    const look = () => {
      turns++
      looking = setImmediate(look)
    }
    let looking = setImmediate(look)
    // How many items were taken from one turn of the loop to the next: what a stall is made of.
    const perTurn = new Map<number, number>()
    const items = function* () {
      for (let i = 0; i < 100_000; i++) {
        perTurn.set(turns, (perTurn.get(turns) ?? 0) + 1)
        yield `item ${i}`
      }
    }

    await queue.createQueue({ queue: items() })
    clearImmediate(looking)

    assert.ok(Math.max(...perTurn.values()) <= 2000, `${Math.max(...perTurn.values())} items in one turn`)
    assert.equal(await queue.queueCount(), 100_000)
    const timer = await queue.createTimer('worker')
    const seen = new Set<string>()
    await timer.run(async ({ item }) => seen.add(item))
    assert.equal(seen.size, 100_000)
    assert.deepEqual(await queue.counts(), {
      total: 100_000,
      ready: 0,
      delayed: 0,
      leased: 0,
      done: 100_000,
      dead: 0,
      failed: 0,
      retried: 0,
    })
  })
})
