// Which workers are alive, hang or have died: five answers, by evidence that no clock can fake.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { TimerCounts, TimerInfo, WatchdogQueue } from '../../../lib'
import { eventually } from '../../support/eventually'
import { Hand } from '../../support/hand'
import { BreakingProxy, type ProxiedRequest, REQUEST_TYPES } from '../../support/proxy'
import { connect, describeZookeeper, sharedServer, uniqueRoot, uniqueUrl } from '../../support/queue'

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
    assert.deepEqual(await master.counts(), {
      total: 1,
      ready: 0,
      delayed: 0,
      leased: 0,
      done: 1,
      dead: 0,
      failed: 1,
      retried: 1,
    })
  })

  it('ages timers right, and expires none, when clients are hours off the server and each other', async () => {
    const url = await uniqueUrl()
    const hourMs = 3_600_000
    const master = await connect(url)
    await master.createQueue({ queue: ['a', 'b'], timerMs: 20_000, onExpire: 'requeue' })
    const [fast, slow] = await Promise.all([Hand.on(url, {}, 5 * hourMs), Hand.on(url, {}, -7 * hourMs)])
    for (const hand of [fast, slow]) {
      await hand.do('queue', 'createTimer', 'worker')
      await hand.do('timer', 'lease')
    }

    const seen = [await master.getTimers(), await fast.do<TimerInfo[]>('queue', 'getTimers')]
    await assert.rejects(slow.do('queue', 'waitDone', { timeoutMs: 500 }), { code: 'ERR_TIMEOUT' })

    for (const timers of seen) {
      const offs = timers.map(({ startedAt }) => Math.round((startedAt! - Date.now()) / hourMs))
      assert.deepEqual(offs, [5, -7], 'their clocks really are off')
      for (const { state, ageMs } of timers) {
        assert.equal(state, 'alive')
        assert.ok(ageMs! >= 0 && ageMs! < 20_000, `age ${ageMs}`)
      }
    }
    assert.equal((await slow.do<TimerCounts>('queue', 'checkTimers')).expired, 0)
    await fast.do('lease', 'ack')
    await slow.do('lease', 'ack')
    assert.equal((await master.counts()).done, 2)
  })
})

describeZookeeper('A silent worker whose timer is taken away by a reaper that is killed meanwhile', () => {
  let proxy: BreakingProxy
  let root: string
  let queue: WatchdogQueue
  let silent: Hand

  beforeEach(async () => {
    root = uniqueRoot()
    const { hosts, servers } = await sharedServer()
    proxy = await BreakingProxy.start(servers[0]!.port)
    queue = await connect(`zk://${hosts}${root}`)
    await queue.createQueue({ queue: ['a'], timerMs: 400, onExpire: 'requeue' })
    silent = await Hand.on(`zk://${hosts}${root}`, { sessionTimeoutMs: 20_000 })
    await silent.do('queue', 'createTimer', 'silent')
  })
  afterEach(() => proxy.stop())

  /** Somebody waits, and so looks after the run, until he is killed in place of a request. */
  async function keepUntil(isLast: (request: ProxiedRequest) => boolean): Promise<void> {
    // Stopped, since its own process looks after its timer, too.
    silent.child.signal('SIGSTOP')
    const reaper = await Hand.on(`zk://127.0.0.1:${proxy.port}${root}`)
    proxy.judge = (request) => {
      if (!isLast(request)) return 'pass'
      reaper.child.signal('SIGKILL')
      return 'withhold'
    }
    void reaper.do('queue', 'waitDone').catch(() => {})
    await reaper.child.exited
    silent.child.signal('SIGCONT')
  }

  function isOfTimer({ type, path }: ProxiedRequest): boolean {
    return type === REQUEST_TYPES.delete && path.includes('/timers/')
  }

  async function states(): Promise<string[]> {
    return (await queue.getTimers()).map(({ state }) => state)
  }

  it('has expired and did not die, once its timer is gone', async () => {
    let isTaken = false
    await keepUntil((request) => {
      isTaken ||= isOfTimer(request)
      return isTaken && request.type === REQUEST_TYPES.set && request.path.includes('/members/')
    })

    assert.equal(await silent.do('timer', 'kick'), false)
    assert.deepEqual(await states(), ['expired'])
  })

  it('has died when it kicked again and was killed later', async () => {
    await keepUntil(isOfTimer)
    assert.equal(await silent.do('timer', 'kick'), true)
    const stop = new AbortController()
    const waiting = assert.rejects(queue.waitDone({ signal: stop.signal }), { name: 'AbortError' })
    const members = `${(await queue.node(''))!.children[0]}/members`
    const [wid] = (await queue.node(members))!.children
    await eventually(async () => {
      await silent.do('timer', 'kick')
      return !(await queue.node(`${members}/${wid}`))!.data.includes('expiring')
    }, 'the mark to go')
    stop.abort()
    await waiting

    await silent.child.killed()

    await eventually(async () => (await states())[0] === 'died', 'the death')
  })
})

describeZookeeper('The last worker of a queue', () => {
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
