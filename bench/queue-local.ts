// The queue on one machine: four worker processes, lease and ack, beside BullMQ on a Redis server of
// its own in the same run. The same rows for our own store on ZooKeeper are in queue.ts.
//
//   node dist/bench/queue-local.js            100,000 items
//   node dist/bench/queue-local.js --quick    a tenth of them

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { WatchdogQueue } from '../lib'
import { RIVALS_DIR } from './harness/paths'
import { crewOfProcesses, crewRate, type DrainWay, itemList, queueRate } from './queue-trial'

export interface Row {
  readonly name: string
  readonly unit: string
  readonly values: number[]
}

const WORKERS = 4
const ITEMS = 100_000
const SINGLE_ITEMS = 20_000
const RIVAL_ITEMS = 8_000
const BEST_CONCURRENCY = [1, 50]
const ROUNDS = 3
const DEATHS = 10

async function ours(directory: string, kind: DrainWay, items: number): Promise<number> {
  const { values } = await queueRate(directory, items, () => crewOfProcesses(kind, directory, WORKERS))
  return values[0]!
}

/** From the moment a leaseholder is gone to another having its item, in milliseconds. */
async function redelivery(directory: string): Promise<number> {
  const queue = await WatchdogQueue.connect(directory)
  await queue.createQueue({ queue: ['a'], timerMs: 3_600_000 })
  const script = `require(${JSON.stringify(path.join(__dirname, '..', 'lib'))}).WatchdogQueue.connect(process.argv[1])
    .then((queue) => queue.createTimer('holder')).then((timer) => timer.lease()).then(() => console.log('held'))
    setInterval(() => {}, 60000)`
  const holder = spawn(process.execPath, ['-e', script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout!, 'data')
  const timer = await queue.createTimer('waiter')
  const waiting = timer.lease({ waitMs: 60_000 })
  await new Promise((resolve) => setTimeout(resolve, 100))
  const started = performance.now()
  holder.kill('SIGKILL')
  const lease = await waiting
  const ms = performance.now() - started
  await lease!.ack()
  await queue.destroy()
  await queue.close()
  return ms
}

interface Redis {
  readonly socket: string
  stop(): void
}

async function startRedis(directory: string): Promise<Redis> {
  const socket = path.join(directory, 'redis.sock')
  const options = [
    '--port',
    '0',
    '--unixsocket',
    socket,
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    directory,
  ]
  const server: ChildProcess = spawn('redis-server', options, { stdio: 'ignore' })
  const failed = once(server, 'error').then(([error]) => {
    throw error
  })
  failed.catch(() => {})
  for (const end = Date.now() + 10_000; !fs.existsSync(socket); ) {
    await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 20))])
    if (Date.now() > end) throw new Error('redis-server does not start')
  }
  return { socket, stop: () => void server.kill('SIGKILL') }
}

async function bullmq({ socket }: Redis, items: number, concurrency: number): Promise<number> {
  const { Queue } = createRequire(path.join(RIVALS_DIR, 'package.json'))('bullmq')
  const queue = new Queue('bench', { connection: { path: socket } })
  await queue.obliterate({ force: true })
  const options = { removeOnComplete: true }
  for (let from = 0; from < items; from += 1000) {
    const part = itemList(items).slice(from, from + 1000)
    await queue.addBulk(part.map((data) => ({ name: 'item', data, opts: options })))
  }
  await queue.close()
  const crew = await crewOfProcesses('bullmq', socket, WORKERS, concurrency)
  return (await crewRate(crew, items)).values[0]!
}

/** The rows of the queue on one machine. `scale` 1 is the table's, less is quicker. */
export async function queueLocalRows(scale = 1): Promise<Row[]> {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'rollcall-bench-'))
  const rows = new Map<string, { unit: string; values: number[] }>()
  const add = (name: string, unit: string, value: number) => {
    const row = rows.get(name) ?? { unit, values: [] }
    row.values.push(value)
    rows.set(name, row)
  }
  let redis: Redis | undefined
  try {
    redis = await startRedis(base).catch((error: Error) => {
      console.error(`without BullMQ: ${error.message}`)
      return undefined
    })
    for (let round = 0; round < ROUNDS; round++) {
      const many = await ours(path.join(base, 'queue'), 'leases', ITEMS * scale)
      const single = await ours(path.join(base, 'queue'), 'lease', SINGLE_ITEMS * scale)
      add('local: leases() + ack, 4 processes', 'items/s', many)
      add('local: lease() + ack, one at a time, 4 processes', 'items/s', single)
      if (redis === undefined) continue
      let best = 0
      for (const concurrency of BEST_CONCURRENCY) {
        const rate = await bullmq(redis, RIVAL_ITEMS * scale, concurrency)
        add(`BullMQ, concurrency ${concurrency}, 4 processes`, 'items/s', rate)
        best = Math.max(best, rate)
      }
      add('leases() + ack / BullMQ at its best (bar: >= 10)', 'times', many / best)
      add('lease() + ack / BullMQ at its best (bar: >= 3)', 'times', single / best)
    }
    for (let death = 0; death < DEATHS; death++) {
      add(
        'SIGKILL of a leaseholder to redelivery (bar: < 100)',
        'ms',
        await redelivery(path.join(base, 'queue')),
      )
    }
  } finally {
    redis?.stop()
    fs.rmSync(base, { recursive: true, force: true })
  }
  return [...rows].map(([name, { unit, values }]) => ({ name, unit, values }))
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

if (require.main === module) {
  queueLocalRows(process.argv.includes('--quick') ? 0.1 : 1).then((rows) => {
    for (const { name, unit, values } of rows) {
      console.log(`${name.padEnd(55)} ${median(values).toFixed(1).padStart(12)} ${unit}`)
    }
  })
}
