// A session that is lost is known without the server: by the clock of whoever holds it, whatever the network does.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ConnectOptions, WatchdogQueue } from '../../../../lib'
import { eventually } from '../../../support/eventually'
import { LIB } from '../../../support/paths'
import { BreakingProxy, type Direction } from '../../../support/proxy'
import { connect, describeZookeeper, SESSION_MS, sharedServer, uniqueRoot } from '../../../support/queue'
import { startZookeeper } from '../../../support/zookeeper-server'

/** Longer than all of it; an eighth of it is how often those who wait look after the others. */
const TIMER_MS = 8000
const HEARTBEATS = ['loop', 'thread'] as const

/** What a handle tells about its connection, as it tells it. */
function eventsOf(queue: WatchdogQueue<string>): string[] {
  const seen: string[] = []
  void (async () => {
    for await (const { type } of queue.events())
      if (['suspended', 'resumed', 'lost'].includes(type)) seen.push(type)
  })().catch(() => {})
  return seen
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

describeZookeeper('A session that nobody answers any more', function () {
  this.timeout(120_000)
  let proxy: BreakingProxy
  let master: WatchdogQueue<string>
  let root: string

  beforeEach(async () => {
    const shared = await sharedServer()
    proxy = await BreakingProxy.start(shared.servers[0]!.port)
    root = uniqueRoot()
    master = await connect(`zk://${shared.hosts}${root}`)
    await master.createQueue({ queue: ['a', 'b'], timerMs: TIMER_MS })
  })
  afterEach(() => proxy.stop())

  async function holdLease(options: ConnectOptions) {
    const url = `zk://127.0.0.1:${proxy.port}${root}`
    const queue = await connect(url, { connectTimeoutMs: 30_000, ...options })
    const events = eventsOf(queue)
    const timer = await queue.createTimer('worker')
    const lease = (await timer.lease())!
    return { queue, events, timer, lease }
  }

  const damages: Record<string, { harm: () => void; heal: () => void }> = {
    'a cut': {
      harm: () => {
        proxy.refusing = true
        proxy.cutAll()
      },
      heal: () => {
        proxy.refusing = false
      },
    },
    silence: silent('toServer', 'toClient'),
    'silence on the way there': silent('toServer'),
    'silence on the way back': silent('toClient'),
    'answers that come too late': {
      harm: () => {
        proxy.delayMs = 10 * SESSION_MS
      },
      heal: () => {
        proxy.delayMs = 0
        proxy.cutAll()
      },
    },
  }

  function silent(...directions: Direction[]) {
    return { harm: () => proxy.silence(...directions), heal: () => proxy.silence() }
  }

  for (const heartbeat of HEARTBEATS) {
    for (const [what, { harm, heal }] of Object.entries(damages)) {
      it(`is lost by its own clock after ${what}, told once, and made anew, with heartbeat '${heartbeat}'`, async () => {
        const { queue, events, timer, lease } = await holdLease({ heartbeat })

        harm()
        await aborted(lease.signal)

        assert.equal(timer.signal.aborted, true)
        assert.equal(await timer.kick(), false)
        await eventually(() => events.includes('lost'), 'the event')
        assert.deepEqual(events.slice(0, 2), ['suspended', 'lost'])
        heal()
        const again = await queue.createTimer('worker')
        const items = [(await again.lease({ waitMs: 30_000 }))!, (await again.lease({ waitMs: 30_000 }))!]
        assert.deepEqual(items.map(({ item }) => item).sort(), ['a', 'b'])
        for (const one of items) await one.ack()
        await assert.rejects(lease.ack(), { code: 'ERR_LEASE_LOST' })
        assert.equal((await master.counts()).done, 2)
        assert.equal(events.filter((type) => type === 'lost').length, 1)
      })
    }
  }

  it('is suspended, and not lost, where answers come again in time', async () => {
    const { events, lease } = await holdLease({ sessionTimeoutMs: 6000 })

    proxy.silence('toServer', 'toClient')
    await eventually(() => events.length > 0, 'the silence to be noticed')
    proxy.silence()
    await eventually(() => events.length > 1, 'the end of the silence')

    assert.deepEqual(events, ['suspended', 'resumed'])
    assert.equal(lease.signal.aborted, false)
    await lease.ack()
  })

  it('ends the command of rollcall run --on-lost kill, though no connection ends', async () => {
    const main = join(LIB, 'cli', 'main.js')
    const url = `zk://127.0.0.1:${proxy.port}${root}`
    const args = [
      'run',
      '--queue',
      url,
      '--session-timeout',
      '1s',
      '--connect-timeout',
      '2s',
      '--on-lost',
      'kill',
      '--',
    ]
    const run = spawn(process.execPath, [main, ...args, 'sh', '-c', 'echo begun; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    await once(run.stdout, 'data')
    const ended = once(run, 'exit')

    proxy.silence('toServer', 'toClient')
    await eventually(async () => (await master.checkTimers()).died === 1, 'the server to give it up')
    const [code] = await ended

    assert.equal(code, 128 + 15)
  })
})

describeZookeeper('A session whose server comes back another', function () {
  this.timeout(120_000)

  for (const heartbeat of HEARTBEATS) {
    it(`without its data, is lost once and made anew, with heartbeat '${heartbeat}'`, async () => {
      const ensemble = await startZookeeper(1)
      const [server] = ensemble.servers
      try {
        const url = `zk://${ensemble.hosts}${uniqueRoot()}`
        const queue = await connect(url, { heartbeat, connectTimeoutMs: 60_000 })
        await queue.createQueue({ queue: ['old'], timerMs: 60_000 })
        const events = eventsOf(queue)
        const timer = await queue.createTimer('worker')
        const lease = (await timer.lease())!

        await server!.kill()
        rmSync(join(server!.dir, 'data', 'version-2'), { recursive: true })
        server!.launch()
        await server!.ready()
        await aborted(lease.signal)
        await queue.createQueue({ queue: ['new'], timerMs: 60_000 })
        const again = await queue.createTimer('worker')

        assert.equal((await again.lease())!.item, 'new')
        await eventually(() => events.includes('lost'), 'the event')
        assert.equal(events.filter((type) => type === 'lost').length, 1)
        await queue.close()
      } finally {
        await ensemble.stop()
      }
    })
  }
})
