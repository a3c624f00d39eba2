// One worker process of a queue benchmark: ready, then on a message drains the queue and says how
// many items it had.
//
// argv: what; url of the queue, socket of the Redis server or file of the database; concurrency (BullMQ)
// or number of items (bare writes)

import { setTimeout as delay } from 'node:timers/promises'
import { type Worker as Drain, type DrainWay, worker } from '../queue-trial'
import { rivalPackage } from '../rivals'

export type DrainKind = DrainWay | 'bullmq' | 'bare'

async function drainBullmq(socket: string, concurrency: number): Promise<Drain> {
  const { Worker, Queue } = rivalPackage('bullmq')
  const connection = { path: socket, maxRetriesPerRequest: null }
  let count = 0
  const worker = new Worker('bench', async () => void count++, { connection, concurrency, autorun: false })
  const queue = new Queue('bench', { connection })
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

function drainOf(kind: DrainKind, where: string, number: number): Promise<Drain> {
  if (kind === 'bullmq') return drainBullmq(where, number)
  if (kind === 'bare') return bareWriter(where, number)
  return worker(where, `worker-${process.pid}`, kind)
}

async function main(): Promise<void> {
  const [kind, where, number] = process.argv.slice(2) as [DrainKind, string, string]
  const drain = await drainOf(kind, where, Number(number))
  process.once('message', async () => {
    process.send!({ count: await drain() })
    process.disconnect()
  })
  process.send!('ready')
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
