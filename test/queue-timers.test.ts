// Who is alive, who hangs, who died: five answers, by evidence that no clock can fake.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from './helpers/eventually'
import { Hand } from './helpers/hand'
import { BreakingProxy, REQUEST_TYPES } from './helpers/proxy'
import { connect, describeZookeeper, sharedServer, uniqueRoot, uniqueUrl } from './helpers/queue'
import { startZookeeper } from './helpers/zookeeper-server'

describeZookeeper('The watchdog', () => {
  it('takes the late ack of a worker that was stopped past its session as lost', async () => {
    const url = await uniqueUrl()
    const master = await connect(url)
    await master.createQueue({ queue: ['a'] })
    const stopped = await Hand.on(url)
    await stopped.do('queue', 'createTimer', 'stopped')
    await stopped.do('timer', 'lease')
    stopped.child.signal('SIGSTOP')

    const other = await master.createTimer('other')
    const lease = (await other.lease({ waitMs: 30_000 }))!
    await lease.ack()
    stopped.child.signal('SIGCONT')

    await assert.rejects(stopped.do('lease', 'ack'), { code: 'ERR_LEASE_LOST' })
    assert.deepEqual(await master.counts(), { total: 1, ready: 0, leased: 0, done: 1, dead: 0 })
  })

  it('ages timers right when clients and server are hours apart', async () => {
    const apart = await startZookeeper(1, { env: fakeClock('+5h') })
    try {
      const url = `zk://${apart.hosts}${uniqueRoot()}`
      const [queue, master] = [await connect(url), await connect(url)]
      await queue.createQueue({ queue: ['a'], timerMs: 60_000, onExpire: 'requeue' })
      const timer = await queue.createTimer('worker')
      const lease = await timer.lease()
      const server = (await queue.node(''))!
      assert.ok(server.version >= 0)

      const [info] = await master.getTimers()

      assert.equal(info!.state, 'alive')
      assert.ok(info!.ageMs! >= 0 && info!.ageMs! < 30_000, `age ${info!.ageMs}`)
      await assert.rejects(master.waitDone({ timeoutMs: 300 }), { code: 'ERR_TIMEOUT' })
      assert.equal((await master.checkTimers()).expired, 0)
      await lease!.ack()
    } finally {
      await apart.stop()
    }
  })
})

describeZookeeper('The last worker', () => {
  it('need not live to say that the queue is done', async () => {
    const root = uniqueRoot()
    const shared = await sharedServer()
    const proxy = await BreakingProxy.start(shared.servers[0]!.port)
    try {
      const master = await connect(`zk://${shared.hosts}${root}`)
      await master.createQueue({ queue: ['a'], timerMs: 2000 })
      const last = await Hand.on(`zk://127.0.0.1:${proxy.port}${root}`)
      await last.do('queue', 'createTimer', 'last')
      await last.do('timer', 'lease')
      let dones = 0
      const abort = new AbortController()
      const watching = (async () => {
        for await (const { type } of master.events({ signal: abort.signal })) if (type === 'done') dones++
      })().catch(() => {})

      // Its ack goes through; what says that the page is finished does not.
      proxy.judge = ({ type }) => {
        if (type !== REQUEST_TYPES.delete) return 'pass'
        last.child.signal('SIGKILL')
        return 'withhold'
      }
      void last.do('lease', 'ack').catch(() => {})
      const { signal } = await last.child.exited
      const report = await master.waitDone({ timeoutMs: 30_000 })

      assert.equal(signal, 'SIGKILL')
      assert.deepEqual([report.done, report.dead], [1, 0])
      await eventually(() => dones > 0, 'the event')
      await delay(300)
      abort.abort()
      await watching
      assert.equal(dones, 1)
    } finally {
      await proxy.stop()
    }
  })
})

/** A server whose clock is off: Java reads it through the C library, which faketime replaces. */
function fakeClock(offset: string): NodeJS.ProcessEnv {
  return {
    LD_PRELOAD: '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
    FAKETIME: offset,
    DONT_FAKE_MONOTONIC: '1',
  }
}
