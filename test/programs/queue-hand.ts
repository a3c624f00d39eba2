// A hand on a queue in another process: does what it is told, one message at a time, and answers
// { value } or { error }. It keeps the last timer and the last lease.
//
// argv: how far the clock of this process is off, in milliseconds

import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { type ConnectOptions, type Lease, WatchdogQueue, type WatchdogTimer } from '../../lib'
import { quickWork } from '../support/quick-work'

export interface Order {
  target: 'connect' | 'queue' | 'timer' | 'lease' | 'block' | 'blockUntil' | 'exit'
  method?: string
  args?: unknown[]
}

const clockOffMs = Number(process.argv[2])
const rightNow = Date.now
Date.now = () => rightNow() + clockOffMs

let queue: WatchdogQueue<unknown> | undefined
let timer: WatchdogTimer<unknown> | undefined
let lease: Lease<unknown> | undefined

function blockUntil(file: string): void {
  const turn = new Int32Array(new SharedArrayBuffer(4))
  while (!existsSync(file)) Atomics.wait(turn, 0, 0, 20)
}

/**
 * Leases and acks items one by one until it has claimed several, has acked the first of them, and has the next in
 * hand; then it writes `report`, and blocks until the file `release` is there. The event loop has no turn for
 * anything else. The result: the items.
 */
async function workAhead(report: string, release: string): Promise<unknown[]> {
  quickWork()
  const items: unknown[] = []
  for (let isAhead = false; ; ) {
    lease = await timer!.lease()
    if (lease === undefined) throw new Error('It never claimed that many')
    items.push(lease.item)
    if (isAhead) break
    isAhead = (await queue!.counts()).leased > 3
    await lease.ack()
  }
  writeFileSync(`${report}.new`, JSON.stringify(items))
  renameSync(`${report}.new`, report)
  blockUntil(release)
  return items
}

async function obey({ target, method = '', args = [] }: Order): Promise<unknown> {
  if (target === 'connect') {
    queue = await WatchdogQueue.connect<unknown>(args[0] as string, args[1] as ConnectOptions)
    return undefined
  }
  if (target === 'block') {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, args[0] as number)
    return undefined
  }
  if (target === 'blockUntil') return blockUntil(args[0] as string)
  if (method === 'beginWaiting') {
    queue!.waitDone().catch(() => {})
    return undefined
  }
  if (method === 'runUntilKiller') {
    await timer!.run(async ({ item }) => {
      if (item === 'killer') process.kill(process.pid, 'SIGKILL')
    })
    return false
  }
  if (method === 'workAhead') return workAhead(...(args as [string, string]))
  if (target === 'exit') return void setImmediate(() => process.disconnect())
  const object = { queue, timer, lease }[target] as unknown as Record<
    string,
    (...args: unknown[]) => Promise<unknown>
  >
  if (method === 'aborted') return (object as unknown as { signal: AbortSignal }).signal.aborted
  const value = await object[method]!(...args)
  if (method === 'createTimer') {
    timer = value as WatchdogTimer<unknown>
    return undefined
  }
  if (target === 'timer' && method === 'lease') {
    lease = value as Lease<unknown> | undefined
    return lease && { item: lease.item, id: lease.id, attempt: lease.attempt }
  }
  return value
}

process.on('message', async (order: Order) => {
  try {
    process.send!({ value: await obey(order) })
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string }
    process.send!({ error: { name, code, message } })
  }
})
process.on('unhandledRejection', (error) => {
  console.error('unhandled', error)
  process.exit(9)
})
