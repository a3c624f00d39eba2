// What the queue's tests share: one ZooKeeper server for all of them, roots of their own, handles
// that are closed afterwards, and waits on a condition.

import { randomBytes } from 'node:crypto'
import { type ConnectOptions, WatchdogQueue } from '../../lib'
import { type Ensemble, skipped, startZookeeper } from './zookeeper-server'

export { collect } from './collect'

let ensemble: Promise<Ensemble> | undefined

/** The server that tests share; those that break servers start their own. */
export function sharedServer(): Promise<Ensemble> {
  ensemble ??= startZookeeper(1)
  return ensemble
}

after('stop the shared ZooKeeper server', async () => {
  // One that did not start has told so already.
  await (await ensemble?.catch(() => undefined))?.stop()
})

/** `describe`, or nothing where the tests without a server were asked for. */
export function describeZookeeper(title: string, body: (this: Mocha.Suite) => void): void {
  if (skipped) describe.skip(title, body)
  else describe(title, body)
}

export function uniqueRoot(): string {
  return `/test-${randomBytes(5).toString('hex')}/queue`
}

export async function uniqueUrl(): Promise<string> {
  return `zk://${(await sharedServer()).hosts}${uniqueRoot()}`
}

/** Short, so that deaths are noticed soon. */
export const SESSION_MS = 1000

const open = new Set<WatchdogQueue<unknown>>()

export async function connect<Item = string>(
  url: string,
  options: ConnectOptions = {},
): Promise<WatchdogQueue<Item>> {
  const queue = await WatchdogQueue.connect<Item>(url, { sessionTimeoutMs: SESSION_MS, ...options })
  open.add(queue as WatchdogQueue<unknown>)
  return queue
}

afterEach('close the handles', async () => {
  const handles = [...open]
  open.clear()
  await Promise.all(handles.map((queue) => queue.close()))
})
