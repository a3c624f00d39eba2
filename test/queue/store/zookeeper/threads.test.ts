// Sessions belong to the thread that opened them: any number of threads has its own, and one that ends takes its own along.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { eventually } from '../../../support/eventually'
import { LIB } from '../../../support/paths'
import { connect, describeZookeeper, sharedServer, uniqueUrl } from '../../../support/queue'

/** Longer than the test: what is gone before was closed, and has not expired. */
const SESSION_MS = 60_000
const ROUNDS = 200
const AT_ONCE = 4

/** Opens what it is told, says so, and goes on working until it is terminated. */
const PROGRAM = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { WatchdogQueue } = require(workerData.lib)
  void (async () => {
    const options = { sessionTimeoutMs: ${SESSION_MS}, heartbeat: workerData.heartbeat }
    const queue = await WatchdogQueue.connect(workerData.url, options)
    const timer = await queue.createTimer('worker ' + workerData.name)
    parentPort.postMessage('open')
    for (;;) await timer.kick({ at: Date.now() })
  })()`

async function startThread(url: string, name: string, heartbeat: string): Promise<Worker> {
  const worker = new Worker(PROGRAM, { eval: true, workerData: { lib: LIB, url, name, heartbeat } })
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  return worker
}

/** A session without a queue around it, which takes less to load: with a node of its own, and requests on their way. */
const SESSION = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { openLoopSession } = require(workerData.lib + '/queue/store/zookeeper/session.js')
  const hosts = [{ host: '127.0.0.1', port: workerData.port }]
  const session = openLoopSession({ hosts, timeoutMs: ${SESSION_MS} }, async ({ type }) => {
    if (type !== 'connected') return
    const path = '/thread-' + workerData.round
    const node = { op: 'create', path, data: Buffer.alloc(0), ephemeral: true, ownerOnly: false }
    const { rc } = await session.call(node)
    parentPort.postMessage(rc)
    for (;;) await Promise.all(Array.from({ length: 50 }, () => session.call({ op: 'get', path, watch: true })))
  })`

async function startSession(port: number, round: number): Promise<Worker> {
  const worker = new Worker(SESSION, { eval: true, workerData: { lib: LIB, port, round } })
  const rc = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  assert.equal(rc, 0)
  return worker
}

describeZookeeper('Sessions in threads', function () {
  this.timeout(240_000)

  it('are each one of a thread, side by side with the main thread', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a'], timerMs: 60_000 })
    const threads = await Promise.all(
      ['loop', 'thread', 'loop'].map((heartbeat, i) => startThread(url, String(i), heartbeat)),
    )

    const timer = await queue.createTimer('main')
    const lease = await timer.lease()
    await lease!.ack()

    assert.equal((await queue.checkTimers()).alive, 4)
    await Promise.all(threads.map((thread) => thread.terminate()))
    await eventually(async () => (await queue.checkTimers()).died === 3, 'the threads to be gone')
  })

  it(`go with a thread that is terminated while they are open, ${ROUNDS} times, and are closed on the server`, async () => {
    const [server] = (await sharedServer()).servers
    const figure = async (name: string) => (await server!.figures()).get(name)!
    const before = {
      descriptors: readdirSync('/proc/self/fd').length,
      connections: await figure('zk_num_alive_connections'),
      ephemerals: await figure('zk_ephemerals_count'),
    }

    for (let round = 0; round < ROUNDS; round += AT_ONCE) {
      const threads = Array.from({ length: AT_ONCE }, (_, i) => startSession(server!.port, round + i))
      await Promise.all((await Promise.all(threads)).map((thread) => thread.terminate()))
    }

    await eventually(async () => (await figure('zk_ephemerals_count')) <= before.ephemerals, 'the sessions')
    await eventually(
      async () => (await figure('zk_num_alive_connections')) <= before.connections,
      'the sockets',
    )
    const descriptors = readdirSync('/proc/self/fd').length
    assert.ok(
      descriptors <= before.descriptors + 4,
      `${before.descriptors} descriptors became ${descriptors}`,
    )
  })
})
