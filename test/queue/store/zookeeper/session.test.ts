// The connection: found or not, allowed or not, lost and made anew; and who keeps it alive.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Session } from '../../../../lib/queue/store/zookeeper/protocol'
import { openLoopSession } from '../../../../lib/queue/store/zookeeper/session'
import { parseZookeeperUrl } from '../../../../lib/queue/store/zookeeper/url'
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

/** Runs a script with the library in a process of its own. */
function script(body: string, lib = LIB): { status: number | null; stdout: string; stderr: string } {
  const program = `const { WatchdogQueue } = require(${JSON.stringify(lib)});\n(async () => {${body}})()`
  return spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 60_000 })
}

/** The library as it is where only the board's addon was built. Returns the path of its entry. */
function withoutZookeeperAddon(): string {
  const folder = join(tempDir(), 'rollcall')
  mkdirSync(join(folder, 'build', 'Release'), { recursive: true })
  for (const name of ['package.json', join('build', 'Release', 'rollcall.node')])
    cpSync(join(ROOT, name), join(folder, name))
  cpSync(LIB, join(folder, 'dist', 'lib'), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return join(folder, 'dist', 'lib')
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

  it('says how to build the addon where it was not built, whoever keeps the session', () => {
    const lib = withoutZookeeperAddon()
    for (const heartbeat of ['loop', 'thread']) {
      const { status, stdout, stderr } = script(
        `await WatchdogQueue.connect('zk://127.0.0.1:1/q', { heartbeat: '${heartbeat}' })
          .catch(({ code, message }) => console.log(code, message))`,
        lib,
      )

      assert.equal(status, 0, stderr)
      assert.match(stdout, /^ERR_UNSUPPORTED .*no native addon for ZooKeeper for /)
      assert.match(
        stdout,
        /npm install --ignore-scripts zookeeper@7\.3\.0, then build it with: npm --prefix /,
      )
    }
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

/** Reads the ACL of every node below a root with the right secret. */
async function worldNodes(url: string): Promise<{ nodes: number; world: string[] }> {
  const { hosts, root } = parseZookeeperUrl(url)
  const config = { hosts, timeoutMs: 5000, auth: { scheme: 'digest', secret: 'user:right' } as const }
  const session = await new Promise<Session>((resolve) => {
    const opened: Session = openLoopSession(config, ({ type }) => {
      if (type === 'connected') resolve(opened)
    })
  })
  const world: string[] = []
  let nodes = 0
  const walk = async (path: string): Promise<void> => {
    nodes++
    const { acl } = await session.call({ op: 'getAcl', path })
    if (acl!.some(({ scheme }) => scheme === 'world')) world.push(path)
    const { names } = await session.call({ op: 'list', path, watch: false })
    for (const name of names!) await walk(`${path}/${name}`)
  }
  await walk(root)
  await session.close()
  return { nodes, world }
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

  it('of both kinds goes on in one process, in whatever order, and process.exit() closes what is open', async () => {
    const url = await uniqueUrl()
    const { status, stdout, stderr } = script(`
      const kinds = ['thread', 'loop', 'thread', 'loop']
      const queues = await Promise.all(kinds.map((heartbeat) => WatchdogQueue.connect('${url}', { heartbeat })))
      await queues[0].createQueue({ queue: kinds, timerMs: 60_000 })
      const items = []
      for (const [i, queue] of queues.entries()) {
        const timer = await queue.createTimer('worker ' + i)
        const lease = await timer.lease()
        items.push(lease.item)
        await lease.ack()
      }
      await Promise.all(queues.slice(2).map((queue) => queue.close()))
      console.log(items.sort().join())
      process.exit(0)`)

    assert.deepEqual([status, stdout.trim()], [0, 'loop,loop,thread,thread'], stderr)
    const queue = await connect(url)
    // Long before their sessions would end by themselves.
    await eventually(
      async () => (await queue.checkTimers()).died === 2,
      'the sessions of the process to be closed',
    )
    assert.equal((await queue.checkTimers()).finished, 2)
  })
})
