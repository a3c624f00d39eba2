// The queue on ZooKeeper: items per second through leases() and ack with default options, one at a
// time, and through the protocol of its ancestor, on the same server in the same run. Servers are
// started as for the tests.
//
//   node dist/bench/queue.js            as in the table of performance figures
//   node dist/bench/queue.js --quick    a tenth of the items

import { randomBytes } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { WatchdogQueue } from '../lib'
import { type Ensemble, startZookeeper } from '../test/helpers/zookeeper-server'
import { PerlProtocolQueue } from './rivals/perl-protocol'

export interface Row {
  readonly name: string
  readonly unit: string
  readonly values: number[]
}

const WORKERS = 16
const ITEMS = 100_000
const SINGLE_ITEMS = 4000
const RIVAL_ITEMS = 4000
const ROUNDS = 3

function list(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `item ${i}`)
}

function freshUrl(server: Ensemble): string {
  return `zk://${server.hosts}/bench-${randomBytes(4).toString('hex')}`
}

async function perSecond(items: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return items / ((performance.now() - started) / 1000)
}

type Drain = (queue: WatchdogQueue, name: string) => Promise<number>

/** leases() with its default options: the next item is taken while earlier acks are on their way. */
const drainLeases: Drain = async (queue, name) => {
  const timer = await queue.createTimer(name)
  let count = 0
  const acks: Promise<void>[] = []
  for await (const lease of timer.leases()) {
    acks.push(lease.ack())
    count++
  }
  await Promise.all(acks)
  await timer.end()
  return count
}

/** The same, but each ack is awaited before the next item is asked for. */
const drainAwaited: Drain = async (queue, name) => {
  const timer = await queue.createTimer(name)
  let count = 0
  for await (const lease of timer.leases()) {
    await lease.ack()
    count++
  }
  await timer.end()
  return count
}

async function drained(server: Ensemble, items: number, drain: Drain): Promise<number> {
  const url = freshUrl(server)
  const master = await WatchdogQueue.connect(url)
  await master.createQueue({ queue: list(items) })
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => WatchdogQueue.connect(url)))
  let counts: number[] = []
  const rate = await perSecond(items, async () => {
    counts = await Promise.all(workers.map((queue, i) => drain(queue, `worker-${i}`)))
    await master.waitDone()
  })
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total !== items) throw new Error(`${total} of ${items} items were done`)
  await Promise.all(workers.map((queue) => queue.close()))
  await master.destroy()
  await master.close()
  return rate
}

async function rivalDrained(server: Ensemble, items: number): Promise<number> {
  const root = `/rival-${randomBytes(4).toString('hex')}`
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, () => PerlProtocolQueue.connect(server.hosts, root)),
  )
  await workers[0]!.create(list(items))
  let total = 0
  const rate = await perSecond(items, () =>
    Promise.all(
      workers.map(async (queue) => {
        while ((await queue.consume()) !== undefined) total++
      }),
    ),
  )
  if (total !== items) throw new Error(`the rival lost items: ${total} of ${items}`)
  await Promise.all(workers.map((queue) => queue.close()))
  return rate
}

async function creation(
  server: Ensemble,
  items: number,
): Promise<{ ms: number; stallMs: number; nodes: number }> {
  const master = await WatchdogQueue.connect(freshUrl(server))
  const nodes = async () => (await server.servers[0]!.figures()).get('zk_znode_count')!
  const before = await nodes()
  const delays = monitorEventLoopDelay({ resolution: 5 })
  const queue = list(items)
  delays.enable()
  const started = performance.now()
  await master.createQueue({ queue })
  const ms = performance.now() - started
  delays.disable()
  const made = (await nodes()) - before
  await master.destroy()
  await master.close()
  return { ms, stallMs: delays.max / 1e6, nodes: made }
}

/** The rows of the queue on ZooKeeper. `scale` 1 is the table's, less is quicker. */
export async function queueRows(scale = 1): Promise<Row[]> {
  const server = await startZookeeper(1)
  const values = new Map<string, { unit: string; values: number[] }>()
  const add = (name: string, unit: string, value: number) => {
    const row = values.get(name) ?? { unit, values: [] }
    row.values.push(value)
    values.set(name, row)
  }
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const rival = await rivalDrained(server, RIVAL_ITEMS * scale)
      const leases = await drained(server, ITEMS * scale, drainLeases)
      add('Perl protocol, 16 workers', 'items/s', rival)
      add('leases() + ack, 16 workers', 'items/s', leases)
      add('leases() + ack / Perl protocol (bar: >= 60)', 'times', leases / rival)
      add(
        'leases(), each ack awaited, 16 workers',
        'items/s',
        await drained(server, SINGLE_ITEMS * scale, drainAwaited),
      )
      const { ms, stallMs, nodes } = await creation(server, ITEMS * scale)
      add('createQueue, 100,000 items', 'ms', ms)
      add('createQueue, longest stall of the loop (bar: <= 50)', 'ms', stallMs)
      add('createQueue, nodes on the server (bar: < 1000)', 'nodes', nodes)
    }
  } finally {
    await server.stop()
  }
  return [...values].map(([name, { unit, values: all }]) => ({ name, unit, values: all }))
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

if (require.main === module) {
  queueRows(process.argv.includes('--quick') ? 0.1 : 1).then((rows) => {
    for (const { name, unit, values } of rows) {
      console.log(`${name.padEnd(55)} ${median(values).toFixed(1).padStart(12)} ${unit}`)
    }
  })
}
