// One worker process of a queue benchmark: drains a queue of its own to warm up, is ready, then on a message
// drains the queue and says how many items it had, and what processor time that took.
//
// argv: what; url of the queue, socket of the Redis server or file of the database; how many items to warm up
// with; concurrency (BullMQ) or number of items (bare writes)

import { setTimeout as delay } from 'node:timers/promises'
import { WatchdogQueue } from '../../lib'
import { type Worker as Drain, type DrainKind, type DrainWay, itemList, worker } from '../queue-trial'
import { rivalPackage } from '../rivals'
import { BULLMQ_QUEUE, refill } from '../rivals/bullmq'

async function drainOurs(url: string, way: DrainWay, warmUp: number): Promise<Drain> {
  const ownUrl = `${url}-warm-${process.pid}`
  const master = await WatchdogQueue.connect(ownUrl)
  await master.createQueue({ queue: itemList(warmUp) })
  await (await worker(ownUrl, 'warm', way))()
  await master.destroy()
  await master.close()
  return worker(url, `worker-${process.pid}`, way)
}

async function warmBullmq(socket: string, concurrency: number, items: number): Promise<Drain> {
  const ownName = `warm-${process.pid}`
  await refill(socket, ownName, itemList(items))
  await (await drainBullmq(socket, ownName, concurrency))()
  return drainBullmq(socket, BULLMQ_QUEUE, concurrency)
}

async function drainBullmq(socket: string, name: string, concurrency: number): Promise<Drain> {
  const { Worker, Queue } = rivalPackage('bullmq')
  const connection = { path: socket, maxRetriesPerRequest: null }
  let count = 0
  const worker = new Worker(name, async () => void count++, { connection, concurrency, autorun: false })
  const queue = new Queue(name, { connection })
  await worker.waitUntilReady()
  return async () => {
    const running = worker.run()
    // It has no end of work of its own: nothing waits and nothing is at work any more.
    while ((await queue.getJobCountByTypes('wait', 'active')) > 0) await delay(20)
    await worker.close()
    await running
    await queue.close()
    return count
  }
}

/** Two writes of a row of its own for each item, with nothing around them. */
async function bareWriter(file: string, items: number): Promise<Drain> {
  const Database = (await import('libsql')).default
  const database = new Database(file, { timeout: 1000 })
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS nodes (path TEXT PRIMARY KEY, data BLOB, version INTEGER)`)
  const row = String(process.pid)
  database.prepare('INSERT INTO nodes VALUES (?, ?, 0)').run([row, Buffer.alloc(200)])
  const update = database.prepare(
    'UPDATE nodes SET data = ?, version = version + 1 WHERE path = ? AND version = ?',
  )
  return async () => {
    const data = Buffer.alloc(200)
    // SQLite itself would sleep for a millisecond wherever two meet.
    database.exec('PRAGMA busy_timeout = 0')
    for (let version = 0; version < 2 * items; ) {
      try {
        version += update.run([data, row, version]).changes
      } catch (error) {
        if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
      }
    }
    return items
  }
}

function drainOf(kind: DrainKind, where: string, warmUp: number, number: number): Promise<Drain> {
  if (kind === 'bullmq') return warmBullmq(where, number, warmUp)
  if (kind === 'bare') return bareWriter(where, number)
  return drainOurs(where, kind, warmUp)
}

async function main(): Promise<void> {
  const [kind, where, warmUp, number] = process.argv.slice(2) as [DrainKind, string, string, string]
  const drain = await drainOf(kind, where, Number(warmUp), Number(number))
  process.once('message', async () => {
    const before = process.cpuUsage()
    const count = await drain()
    const { user, system } = process.cpuUsage(before)
    process.send!({ count, processorUs: user + system })
    process.disconnect()
  })
  process.send!('ready')
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
