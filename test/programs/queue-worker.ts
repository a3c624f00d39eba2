// A worker process: leases items until the queue is done, and reports each step. After a lost
// session it makes a new timer and goes on, as a worker should.
//
// argv: url, id, milliseconds per item, session time-out

import { setTimeout as delay } from 'node:timers/promises'
import { type WatchdogError, WatchdogQueue } from '../../lib'

export interface WorkerMessage {
  ready?: true
  begin?: string
  acked?: string
  lost?: string
  finished?: true
}

const send = (message: WorkerMessage) => process.send!(message)
const RETRYABLE = new Set(['ERR_SESSION_LOST', 'ERR_CONNECTION', 'ERR_NOT_FOUND'])

async function work(queue: WatchdogQueue<string>, id: string, itemMs: number): Promise<void> {
  const timer = await queue.createTimer(id)
  send({ ready: true })
  const acks: Promise<void>[] = []
  const failures: unknown[] = []
  try {
    for await (const lease of timer.leases()) {
      send({ begin: lease.item })
      if (itemMs > 0) await delay(itemMs)
      const settled = (error: WatchdogError) => {
        // Not known to be acked: it may run again.
        send({ lost: lease.item })
        if (error.code !== 'ERR_LEASE_LOST') failures.push(error)
      }
      acks.push(lease.ack().then(() => void send({ acked: lease.item }), settled))
    }
  } finally {
    await Promise.all(acks)
  }
  if (failures.length > 0) throw failures[0]
  await timer.end()
}

async function main(): Promise<void> {
  const [url, id, itemMs, sessionTimeoutMs] = process.argv.slice(2) as [string, string, string, string]
  const queue = await WatchdogQueue.connect<string>(url, {
    sessionTimeoutMs: Number(sessionTimeoutMs),
    connectTimeoutMs: 30_000,
  })
  for (;;) {
    try {
      await work(queue, id, Number(itemMs))
      break
    } catch (error) {
      if (!RETRYABLE.has((error as WatchdogError).code)) throw error
    }
  }
  await queue.close()
  send({ finished: true })
  process.disconnect()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
