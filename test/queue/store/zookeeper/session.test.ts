// The connection: found or not, allowed or not, lost and made anew; and who keeps it alive.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { RETRY_MS } from '../../../../lib/queue/store/zookeeper/protocol'
import { eventually } from '../../../support/eventually'
import { Hand } from '../../../support/hand'
import { LIB, ROOT } from '../../../support/paths'
import { BreakingProxy } from '../../../support/proxy'
import {
  connect,
  describeZookeeper,
  SESSION_MS,
  sharedServer,
  uniqueRoot,
  uniqueUrl,
} from '../../../support/queue'
import { tempDir } from '../../../support/temp-dir'
import { freePorts } from '../../../support/zookeeper-server'

/** Far from the default, which is 10 s. */
const CONNECT_MS = 1500

/**
 * Runs a script with the library in a process of its own; with `client`, the package zookeeper is the one in that
 * folder, in every thread.
 */
function script(body: string, client?: string): { status: number | null; stdout: string; stderr: string } {
  const program = `const { WatchdogQueue } = require(${JSON.stringify(LIB)});\n(async () => {${body}})()`
  const preload = client === undefined ? [] : ['--require', join(client, 'instead.js')]
  const args = [...preload, '-e', program]
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
}

/** Makes a package that stands where the package zookeeper would, and returns its folder. */
function clientLike(index: string): string {
  const folder = join(tempDir(), 'zookeeper')
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{}')
  writeFileSync(join(folder, 'index.js'), index)
  symlinkSync(join(dirname(require.resolve('zookeeper/package.json')), 'build'), join(folder, 'build'))
  writeFileSync(
    join(folder, 'instead.js'),
    `
    const Module = require('node:module')
    const resolve = Module._resolveFilename
    Module._resolveFilename = (name, ...rest) =>
      resolve(name.replace(/^zookeeper\\b/, ${JSON.stringify(folder)}), ...rest)`,
  )
  return folder
}

describeZookeeper('Connecting to ZooKeeper', () => {
  it('fails with the right error within its time-out, and lets the process end', async () => {
    const [port] = await freePorts(1)
    const cases: [string, string][] = [
      ['zk://no-such-host.invalid:2181/q', 'ERR_UNREACHABLE'],
      [`zk://127.0.0.1:${port}/q`, 'ERR_UNREACHABLE'],
    ]
    for (const [url, code] of cases) {
      const { status, stdout } = script(`
        const started = Date.now()
        try { await WatchdogQueue.connect('${url}', { connectTimeoutMs: ${CONNECT_MS} }) }
        catch ({ code, retryable }) { console.log(code, retryable, Date.now() - started < 9000) }`)
      assert.deepEqual([status, stdout.trim()], [0, `${code} true true`])
    }
  })

  it('refuses a wrong secret, and closes every node of ours to the world', async () => {
    const url = await uniqueUrl()
    const auth = { scheme: 'digest' as const, secret: 'user:right' }
    const queue = await connect(url, { auth })
    await queue.createQueue({ queue: ['a', 'b'], syncStart: true })
    const timer = await queue.createTimer('worker')
    await (await timer.lease())!.nack('once')

    await assert.rejects(connect(url, { auth: { scheme: 'digest', secret: 'user:wrong' } }), {
      code: 'ERR_AUTH',
    })
    await assert.rejects(connect(url), { code: 'ERR_AUTH' })
    assert.equal((await (await connect(url, { auth })).counts()).total, 2)

    const acls = await worldNodes(url)
    assert.deepEqual(acls, { nodes: acls.nodes, world: [] })
    assert.ok(acls.nodes > 12, `${acls.nodes} nodes`)
  })

  it('says what to install where the client is missing, whoever keeps the session', () => {
    for (const heartbeat of ['loop', 'thread']) {
      const { status, stdout } = script(`
        const Module = require('node:module')
        const resolve = Module._resolveFilename
        Module._resolveFilename = (name, ...rest) => {
          if (name === 'zookeeper') throw Object.assign(new Error('Cannot find it'), { code: 'MODULE_NOT_FOUND' })
          return resolve(name, ...rest)
        }
        await WatchdogQueue.connect('zk://127.0.0.1:1/q', { heartbeat: '${heartbeat}' }).catch(({ code, message }) => console.log(code, message))`)
      assert.equal(status, 0)
      assert.match(stdout, /^ERR_UNSUPPORTED .*npm install zookeeper@/)
    }
  })

  it('says how to compile the client where npm has not run its install script, whoever keeps the session', () => {
    const client = clientLike('')
    rmSync(join(client, 'build'))
    for (const heartbeat of ['loop', 'thread']) {
      const { status, stdout } = script(
        `await WatchdogQueue.connect('zk://127.0.0.1:1/q', { heartbeat: '${heartbeat}' })
          .catch(({ code, message }) => console.log(code, message))`,
        client,
      )

      assert.equal(status, 0)
      assert.match(stdout, /^ERR_UNSUPPORTED .* does not load \(No native build was found .*\)\. /)
      assert.ok(stdout.includes(`Compile it with: npm --prefix '${client}' run install (`), stdout)
    }
  })

  it('says at once why the client does not load, whoever keeps the session', () => {
    const tries = join(tempDir(), 'tries')
    const client = clientLike(`
      require('node:fs').appendFileSync(${JSON.stringify(tries)}, 'x')
      throw new Error('no such symbol')`)
    for (const heartbeat of ['loop', 'thread']) {
      const { status, stdout } = script(
        `await WatchdogQueue.connect('zk://127.0.0.1:1/q', { heartbeat: '${heartbeat}', connectTimeoutMs: 25_000 })
          .catch(({ code, message }) => console.log(code, message))`,
        client,
      )

      assert.equal(status, 0)
      assert.match(stdout, /^ERR_UNSUPPORTED .* does not load \(no such symbol\)\. /)
    }
    assert.equal(readFileSync(tries, 'utf8'), 'xx')
  })

  it('leaves no handle that keeps the process, and a pending call does keep it', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a'] })

    const { status, stdout } = script(`
      const queue = await WatchdogQueue.connect('${url}')
      const timer = await queue.createTimer('w')
      const lease = await timer.lease()
      setTimeout(() => lease.ack(), 200).unref()
      console.log((await queue.waitDone()).done)
      await queue.close()`)

    assert.deepEqual([status, stdout.trim()], [0, '1'])
  })
})

/** Reads the ACL of every node below a root through the native client, with the right secret. */
async function worldNodes(url: string): Promise<{ nodes: number; world: string[] }> {
  const { hosts } = await sharedServer()
  const root = url.slice(url.indexOf('/', 5))
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '-e',
      `
    const Client = require('zookeeper')
    const zk = new Client({ connect: '${hosts}', timeout: 5000, debug_level: 0 })
    zk.init({})
    zk.add_auth('digest', 'user:right', () => {})
    const world = []; let nodes = 0
    const acl = (path) => new Promise((resolve) => zk.a_get_acl(path, (rc, error, acl) => resolve(acl)))
    const list = (path) => new Promise((resolve) => zk.a_get_children(path, false, (rc, error, names) => resolve(names || [])))
    const walk = async (path) => {
      nodes++
      if ((await acl(path)).some(({ scheme }) => scheme === 'world')) world.push(path)
      for (const name of await list(path)) await walk(path + '/' + name)
    }
    zk.once('connect', async () => { await walk('${root}'); console.log(JSON.stringify({ nodes, world })); zk.close() })`,
    ],
    { encoding: 'utf8', timeout: 20_000, cwd: ROOT },
  )
  assert.ok(stdout, stderr)
  return JSON.parse(stdout)
}

describeZookeeper('A session that expires', () => {
  it('is told once, ends its timers and leases, and makes way for a new timer', async () => {
    const root = uniqueRoot()
    const shared = await sharedServer()
    const proxy = await BreakingProxy.start(shared.servers[0]!.port)
    try {
      const master = await connect(`zk://${shared.hosts}${root}`)
      await master.createQueue({ queue: ['a', 'b'] })
      const worker = await connect(`zk://127.0.0.1:${proxy.port}${root}`, { connectTimeoutMs: 30_000 })
      const timer = await worker.createTimer('worker')
      const lease = (await timer.lease())!
      const events: string[] = []
      const watching = (async () => {
        for await (const { type } of worker.events()) events.push(type)
      })().catch(() => {})
      const waiting = timer
        .lease({ waitMs: 60_000 })
        .then((second) => second!.ack())
        .then(() => timer.lease({ waitMs: 60_000 }))
      const lost = assert.rejects(waiting, { code: 'ERR_SESSION_LOST', retryable: true })

      proxy.refusing = true
      proxy.cutAll()
      await eventually(async () => (await master.checkTimers()).alive === 0, 'the end of the session')
      proxy.refusing = false
      await lost

      assert.equal(timer.signal.aborted, true)
      assert.equal(lease.signal.aborted, true)
      assert.equal(await timer.kick(), false)
      await assert.rejects(timer.lease(), { code: 'ERR_SESSION_LOST' })
      const again = await worker.createTimer('worker')
      const redone = (await again.lease({ waitMs: 30_000 }))!
      assert.equal(redone.item, lease.item)
      await assert.rejects(lease.ack(), { code: 'ERR_LEASE_LOST' })
      await redone.ack()
      await eventually(() => events.filter((type) => type === 'lost').length === 1, 'the event')
      await worker.close()
      await watching
      assert.equal(events.filter((type) => type === 'lost').length, 1)
    } finally {
      await proxy.stop()
    }
  })
})

describeZookeeper('A session that cannot be opened again', () => {
  for (const heartbeat of ['loop', 'thread'] as const) {
    it(`is tried again with pauses until it can, by the ${heartbeat}`, async () => {
      const url = await uniqueUrl()
      const [broken, tries] = ['broken', 'tries'].map((name) => join(tempDir(), name)) as [string, string]
      // The real client, which fails to open sessions while a file is there, and says when it tried.
      const client = clientLike(`
        const fs = require('node:fs')
        const Real = require(${JSON.stringify(require.resolve('zookeeper'))})
        module.exports = class extends Real {
          constructor() {
            super()
            const { init } = this.native
            this.native.init = (config) => {
              if (!fs.existsSync(${JSON.stringify(broken)})) return init.call(this.native, config)
              fs.appendFileSync(${JSON.stringify(tries)}, process.hrtime.bigint() + ' ')
              throw new Error('too many open files')
            }
          }
        }`)
      const times = () => readFileSync(tries, 'utf8').trim().split(' ').filter(Boolean).map(BigInt)
      const master = await connect(url)
      await master.createQueue({ queue: ['a'] })
      const options = { heartbeat, connectTimeoutMs: 30_000 }
      const hand = await Hand.on(url, options, 0, ['--require', join(client, 'instead.js')])
      await hand.do('queue', 'createTimer', 'worker')
      for (const file of [broken, tries]) writeFileSync(file, '')

      hand.child.signal('SIGSTOP')
      await eventually(async () => (await master.checkTimers()).alive === 0, 'the end of the session')
      hand.child.signal('SIGCONT')
      await eventually(() => times().length >= 3, 'three tries')
      rmSync(broken)
      const consumed = await hand.do('queue', 'consume')
      await hand.do('queue', 'close')
      await hand.do('exit', '')

      assert.equal(consumed, 'a')
      assert.deepEqual(await hand.child.exited, { code: 0, signal: null })
      const pausesMs = times().flatMap((time, i, all) => (i === 0 ? [] : [Number(time - all[i - 1]!) / 1e6]))
      assert.ok(
        pausesMs.every((ms) => ms > 0.9 * RETRY_MS),
        `${pausesMs} ms`,
      )
    })
  }
})

describeZookeeper('The heartbeat of a session', () => {
  it('of a thread keeps a blocked worker from being taken for dead', async () => {
    const url = await uniqueUrl()
    const master = await connect(url)
    const blockMs = 3 * SESSION_MS
    await master.createQueue({ queue: ['a'], timerMs: SESSION_MS })
    const blocked = await Hand.on(url, { heartbeat: 'thread' })
    await blocked.do('queue', 'createTimer', 'blocked')
    await blocked.do('timer', 'lease')

    const blocking = blocked.do('block', '', blockMs)
    const states = new Set<string>()
    for (const end = Date.now() + blockMs - 200; Date.now() < end; await delay(50)) {
      for (const { state } of await master.getTimers()) states.add(state)
    }
    await blocking
    await blocked.do('lease', 'ack')

    assert.deepEqual([...states].sort(), ['alive', 'expired'])
    await blocked.do('queue', 'close')
    await blocked.do('exit', '')
    assert.deepEqual(await blocked.child.exited, { code: 0, signal: null })
  })

  it('of a thread looks after the others too: the dead are reaped and the silent told, by a blocked process', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a', 'b'], timerMs: SESSION_MS, onExpire: 'requeue' })
    const [dying, silent] = [await Hand.on(url), await Hand.on(url)]
    for (const hand of [dying, silent]) {
      await hand.do('queue', 'createTimer', 'other')
      await hand.do('timer', 'lease')
    }
    const blocked = await Hand.on(url, { heartbeat: 'thread' })
    await blocked.do('queue', 'createTimer', 'blocked')
    // Nobody else waits, so nobody else looks after the run.
    await blocked.do('queue', 'beginWaiting')
    const released = join(tempDir(), 'released')
    const blocking = blocked.do('blockUntil', '', released)

    const blockedAt = Date.now()
    await dying.child.killed()
    const timer = await queue.createTimer('polling')
    const items: string[] = []
    const states = new Set<string>()
    await eventually(async () => {
      assert.equal(await timer.kick(), true)
      const lease = await timer.lease()
      if (lease !== undefined) items.push(lease.item)
      for (const { id, state } of await queue.getTimers()) if (id === 'blocked') states.add(state)
      return items.length === 2 && states.has('expired') && Date.now() - blockedAt > 3 * SESSION_MS
    }, 'the items of the dead and of the silent')
    const told = await silent.do<boolean>('timer', 'kick')
    writeFileSync(released, '')
    await blocking

    assert.deepEqual(items.sort(), ['a', 'b'])
    assert.equal(told, false)
    assert.deepEqual([...states].sort(), ['alive', 'expired'])
    assert.equal(await blocked.do('timer', 'kick'), false)
    await blocked.do('queue', 'close')
    await blocked.do('exit', '')
    assert.deepEqual(await blocked.child.exited, { code: 0, signal: null })
  })

  it('has one home in a process, which the first connect chooses', async () => {
    const url = await uniqueUrl()
    const connecting = (heartbeat: string) =>
      `await WatchdogQueue.connect('${url}', { heartbeat: '${heartbeat}' }).then((queue) => { console.log('fine'); return queue.close() }, ({ code }) => console.log(code))`

    const threadFirst = script(`${connecting('thread')}\n${connecting('loop')}`)
    const loopFirst = script(`${connecting('loop')}\n${connecting('thread')}`)
    const leftOpen = script(
      `await WatchdogQueue.connect('${url}', { heartbeat: 'thread' }); console.log('open'); process.exit(0)`,
    )

    assert.deepEqual([threadFirst.status, threadFirst.stdout.split('\n')], [0, ['fine', 'fine', '']])
    assert.deepEqual([loopFirst.status, loopFirst.stdout.split('\n')], [0, ['fine', 'ERR_UNSUPPORTED', '']])
    assert.deepEqual([leftOpen.status, leftOpen.stdout.trim()], [0, 'open'])
  })

  it('refuses a second thread of the same process', async () => {
    const url = await uniqueUrl()
    await connect(url)
    const program = `
      const { parentPort, workerData } = require('node:worker_threads')
      require(workerData.lib).WatchdogQueue.connect(workerData.url).then(() => 'fine', ({ code }) => code).then((answer) => parentPort.postMessage(answer))`
    const worker = new Worker(program, { eval: true, workerData: { url, lib: LIB } })

    const answer = await new Promise((resolve, reject) =>
      worker.once('message', resolve).once('error', reject),
    )

    assert.equal(answer, 'ERR_UNSUPPORTED')
    await worker.terminate()
  })
})
