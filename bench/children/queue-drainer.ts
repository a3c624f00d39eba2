// One worker process of a queue benchmark: ready, then on a message drains the queue and says how
// many items it had.
//
// argv: what, url of the queue or socket of the Redis server, concurrency (BullMQ)

import { createRequire } from 'node:module'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { RIVALS_DIR } from '../harness/paths'
import { type Worker as Drain, type DrainWay, worker } from '../queue-trial'

export type DrainKind = DrainWay | 'bullmq'

async function drainBullmq(socket: string, concurrency: number): Promise<Drain> {
  const { Worker, Queue } = createRequire(path.join(RIVALS_DIR, 'package.json'))('bullmq')
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

async function main(): Promise<void> {
  const [kind, where, concurrency] = process.argv.slice(2) as [DrainKind, string, string?]
  const drain =
    kind === 'bullmq'
      ? await drainBullmq(where, Number(concurrency))
      : await worker(where, `worker-${process.pid}`, kind)
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
