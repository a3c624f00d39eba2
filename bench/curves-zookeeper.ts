// Curves of the queue on ZooKeeper: how items a second and requests change with the number of handles and of workers.

import path from 'node:path'
import { WatchdogQueue } from '../lib'
import { figuresOf, startZookeeper } from '../test/support/zookeeper-server'
import type { Measurement, Row, Trial, TrialParams } from './harness/plan'
import { freshRoot, hostsOf, zookeeperUrl } from './queue'
import { crewOfHandles, crewRate, type DrainWay, queueRate } from './queue-trial'
import { BareWriter } from './rivals/bare-writer'
import { ZookeeperClient } from './rivals/zookeeper-client'

const HANDLES = [1, 4, 16, 64]
const WORKERS = [10, 100, 1000]
const RESTARTED = [1, 16, 100]
const ITEMS = { leases: { full: 100_000, quick: 20_000 }, lease: { full: 4000, quick: 1000 } }

/** Requests that the server has been sent. */
async function received(params: TrialParams): Promise<number> {
  return (await figuresOf(Number(hostsOf(params).split(':')[1]))).get('zk_packets_received')!
}

function itemsOf(way: keyof typeof ITEMS, { quick }: TrialParams): number {
  return quick ? ITEMS[way].quick : ITEMS[way].full
}

function drain(
  way: DrainWay & keyof typeof ITEMS,
  handles: number,
  params: TrialParams,
): Promise<Measurement> {
  const url = zookeeperUrl(params)
  return queueRate(url, itemsOf(way, params), () => crewOfHandles(url, handles, way))
}

const name = (what: string, count: number) => `${what}, ${count}`

function rate(way: DrainWay & keyof typeof ITEMS, handles: number): Trial {
  const run = (params: TrialParams) => drain(way, handles, params)
  return { name: name(`${way}() + ack()`, handles), role: 'ours', rival: 'zookeeper', run }
}

/** Everything counted: the queue's making and end, the handles' connections and timers. */
function requests(way: DrainWay & keyof typeof ITEMS, handles: number): Trial {
  return {
    name: name(`requests an item, ${way}()`, handles),
    role: 'ours',
    rival: 'zookeeper',
    async run(params) {
      const before = await received(params)
      await drain(way, handles, params)
      return { unit: 'requests', values: [((await received(params)) - before) / itemsOf(way, params)] }
    },
  }
}

function bareWrites(sessions: number): Trial {
  return {
    name: name('one awaited write an item', sessions),
    role: 'floor',
    rival: 'zookeeper',
    async run(params) {
      const each = Math.ceil(itemsOf('lease', params) / sessions)
      const root = freshRoot()
      const ids = Array.from({ length: sessions }, (_, id) => id)
      const writers = await Promise.all(ids.map((id) => BareWriter.connect(hostsOf(params), `${root}-${id}`)))
      const workers = writers.map((writer) => async () => {
        for (let i = 0; i < each; i++) await writer.write(`item ${i}`)
        return each
      })
      return crewRate({ workers, close: async () => {} }, each * sessions)
    },
  }
}

const handles: Row = {
  id: 'handles',
  what: 'Items a second, and requests for each, from one handle on ZooKeeper to 64 of one process',
  slow: true,
  rounds: 1,
  quickly: '20,000 and 1,000 items instead of 100,000 and 4,000',
  trials: [
    ...HANDLES.map(bareWrites),
    ...(['leases', 'lease'] as const).flatMap((way) => [
      ...HANDLES.map((count) => rate(way, count)),
      ...HANDLES.map((count) => requests(way, count)),
    ]),
  ],
  bars: (['leases', 'lease'] as const).flatMap((way) => [
    {
      what: `${way}(), 64 handles against 16`,
      of: name(`${way}() + ack()`, 64),
      by: name(`${way}() + ack()`, 16),
      atLeast: 0.7,
    },
    {
      what: `requests an item, ${way}(), 64 handles against 16`,
      of: name(`requests an item, ${way}()`, 64),
      by: name(`requests an item, ${way}()`, 16),
      atMost: 4,
    },
  ]),
}

interface Staff {
  master: WatchdogQueue
  close(): Promise<void>
}

async function staffOf(count: number, params: TrialParams): Promise<Staff> {
  const url = zookeeperUrl(params)
  const master = await WatchdogQueue.connect(url)
  await master.createQueue({ sealed: false, timerMs: 600_000 })
  const workers = await WatchdogQueue.connect(url)
  await Promise.all(Array.from({ length: count }, (_, i) => workers.createTimer(`worker-${i}`)))
  // Seen twice, they are known.
  for (let i = 0; i < 2; i++) await master.checkTimers()
  const close = async () => {
    await workers.close()
    await master.destroy()
    await master.close()
  }
  return { master, close }
}

function looks(count: number, unit: 'ms' | 'requests'): Trial {
  return {
    name: name(`checkTimers(), ${unit}`, count),
    role: 'ours',
    rival: 'zookeeper',
    async run(params) {
      const { master, close } = await staffOf(count, params)
      const values: number[] = []
      for (let i = 0; i < 10; i++) {
        const before = unit === 'ms' ? performance.now() : await received(params)
        await master.checkTimers()
        values.push((unit === 'ms' ? performance.now() : await received(params)) - before)
      }
      await close()
      return { unit, values }
    },
  }
}

function lists(count: number): Trial {
  return {
    name: name('a list of as many names, ms', count),
    role: 'floor',
    rival: 'zookeeper',
    async run(params) {
      const client = await ZookeeperClient.connect(hostsOf(params))
      const root = freshRoot()
      const make = (path: string) =>
        client.call({ op: 'create', path, data: Buffer.alloc(0), ephemeral: false, ownerOnly: false })
      await make(root)
      await Promise.all(Array.from({ length: count }, (_, i) => make(`${root}/worker-${i}~0123456789ab`)))
      const values: number[] = []
      for (let i = 0; i < 10; i++) {
        const before = performance.now()
        await client.call({ op: 'list', path: root, watch: false })
        values.push(performance.now() - before)
      }
      await client.close()
      return { unit: 'ms', values }
    },
  }
}

const timers: Row = {
  id: 'timers',
  what: 'Looking at the workers of a queue on ZooKeeper of which none has changed, from 10 to 1,000',
  slow: true,
  rounds: 1,
  trials: [
    ...WORKERS.map(lists),
    ...WORKERS.map((count) => looks(count, 'ms')),
    ...WORKERS.map((count) => looks(count, 'requests')),
  ],
  bars: [
    { what: 'checkTimers() of 1,000, requests', of: name('checkTimers(), requests', 1000), atMost: 20 },
    {
      what: 'checkTimers(), requests, 1,000 workers against 10',
      of: name('checkTimers(), requests', 1000),
      by: name('checkTimers(), requests', 10),
      atMost: 1.5,
    },
  ],
}

/** From a server that takes requests again to the last of so many handles that has an answer. */
function restarted(count: number): Trial {
  return {
    name: name('well again', count),
    role: count === 1 ? 'floor' : 'ours',
    rival: 'zookeeper',
    async run({ dir }) {
      const ensemble = await startZookeeper(1, dir)
      const url = `zk://${ensemble.hosts}${path.posix.join(freshRoot(), 'queue')}`
      const ids = Array.from({ length: count }, (_, id) => id)
      const queues = await Promise.all(ids.map(() => WatchdogQueue.connect(url)))
      await queues[0]!.createQueue({ sealed: false })
      await Promise.all(queues.map((queue) => queue.counts()))
      await ensemble.servers[0]!.restart()
      const ready = performance.now()
      await Promise.all(queues.map((queue) => queue.counts()))
      const values = [performance.now() - ready]
      await Promise.all(queues.map((queue) => queue.close()))
      await ensemble.stop()
      return { unit: 'ms', values }
    },
  }
}

const restarts: Row = {
  id: 'restart',
  what: 'From a ZooKeeper server that is back to the last handle with an answer, from one handle to 100',
  slow: true,
  trials: RESTARTED.map(restarted),
  bars: [{ what: '100 handles, ms', of: name('well again', 100), atMost: 3000 }],
}

export const onZookeeper: Row[] = [handles, timers, restarts]
