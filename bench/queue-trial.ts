// What the trials of every queue have in common, wherever a queue is kept and whoever made it: a crew
// of workers that begin together on so many items, and how many of them a second they did.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type ConnectOptions, WatchdogQueue, type WatchdogTimer } from '../lib'
import { CHILDREN_DIR } from './harness/paths'
import type { Bar, Measurement, Trial, TrialParams } from './harness/plan'
import type { RivalName } from './rivals'

/** How many acks a worker leaves on their way before it waits for them. */
const PENDING_ACKS = 1000

const ITEM = 'item '

export function itemList(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${ITEM}${i}`)
}

/** Makes the queue that a crew is let loose on. */
export type MakeQueue = (master: WatchdogQueue, items: string[]) => Promise<void>

export const makePlain: MakeQueue = (master, items) => master.createQueue({ queue: items })

/** Five priorities, and a pause after each failure. */
export const makeLayered: MakeQueue = async (master, items) => {
  const size = Math.ceil(items.length / 5)
  await master.createQueue({ sealed: false, keepDone: 'all', backoff: { delayMs: 50 } })
  for (let i = 0; i * size < items.length; i++)
    await master.add(items.slice(i * size, (i + 1) * size), { priority: i })
  await master.seal()
}

/** Ready to begin: works until nothing is left, and says how many items it had. */
export type Worker = () => Promise<number>

export interface Crew {
  readonly workers: readonly Worker[]
  close(): Promise<void>
}

/** leases() with its default options: the next item is taken while earlier acks are on their way. */
async function drainLeases(timer: WatchdogTimer): Promise<number> {
  let count = 0
  let acks: Promise<void>[] = []
  for await (const lease of timer.leases()) {
    acks.push(lease.ack())
    if (++count % PENDING_ACKS !== 0) continue
    await Promise.all(acks)
    acks = []
  }
  await Promise.all(acks)
  return count
}

/** One item at a time, each acked before the next is asked for. */
async function drainSingly(timer: WatchdogTimer): Promise<number> {
  for (let count = 0; ; count++) {
    const lease = await timer.lease()
    if (lease === undefined) return count
    await lease.ack()
  }
}

/** The same where every 50th item fails at first. */
async function drainFailing(timer: WatchdogTimer): Promise<number> {
  let count = 0
  let settled: Promise<void>[] = []
  for await (const lease of timer.leases()) {
    const fails = lease.attempt === 1 && Number(lease.item.slice(ITEM.length)) % 50 === 0
    if (!fails) count++
    settled.push(fails ? lease.nack('not yet') : lease.ack())
    if (settled.length < PENDING_ACKS) continue
    await Promise.all(settled)
    settled = []
  }
  await Promise.all(settled)
  return count
}

/** The ways in which a worker of ours goes through a queue. */
export const DRAINS = { leases: drainLeases, lease: drainSingly, failing: drainFailing }
export type DrainWay = keyof typeof DRAINS
/** What a worker process goes through: a queue of ours, BullMQ's, or rows of its own with nothing around them. */
export type DrainKind = DrainWay | 'bullmq' | 'bare'

/** A worker of ours: connected, with a timer. */
export async function worker(
  url: string,
  id: string,
  way: DrainWay,
  options?: ConnectOptions,
): Promise<Worker> {
  const queue = await WatchdogQueue.connect(url, options)
  const timer = await queue.createTimer(id)
  return async () => {
    const count = await DRAINS[way](timer)
    await timer.end()
    await queue.close()
    return count
  }
}

/** So many workers of ours in this process, each with a connection of its own. */
export async function crewOfHandles(
  url: string,
  count: number,
  way: DrainWay,
  options?: ConnectOptions,
): Promise<Crew> {
  const ids = Array.from({ length: count }, (_, i) => `worker-${i}`)
  const workers = await Promise.all(ids.map((id) => worker(url, id, way, options)))
  return { workers, close: async () => {} }
}

/** Done by each worker process before it says that it is ready, so that its code is compiled by then. */
export const WARM_UP = { full: 4000, quick: 400 }

/**
 * So many workers, each a process of its own, which has drained another queue before.
 *
 * @param where the queue's URL, or the socket of the rival's server
 * @param warmUp of how many items that other queue is
 * @param number for a rival its concurrency; of bare writes, how many items each has
 */
export async function crewOfProcesses(
  kind: DrainKind,
  where: string,
  count: number,
  { warmUp, number = 1 }: { warmUp: number; number?: number },
): Promise<Crew> {
  const program = path.join(CHILDREN_DIR, 'queue-drainer.js')
  const args = [kind, where, String(warmUp), String(number)]
  const children = Array.from({ length: count }, () => fork(program, args))
  const close = async () => {
    for (const child of children) child.kill('SIGKILL')
  }
  const said = async (child: (typeof children)[number]) => {
    const ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`a ${kind} worker ended with ${signal ?? `code ${code}`}`)
    })
    return (await Promise.race([once(child, 'message'), ended]))[0]
  }
  try {
    await Promise.all(children.map(said))
  } catch (error) {
    await close()
    throw error
  }
  const workers = children.map((child) => async () => {
    const answer = said(child) as Promise<{ count: number }>
    child.send('go')
    return (await answer).count
  })
  return { workers, close }
}

/** Lets a crew begin, all at once. Throws when they did not have each item once. */
export async function crewRate({ workers, close }: Crew, items: number): Promise<Measurement> {
  try {
    const started = performance.now()
    const counts = await Promise.all(workers.map((work) => work()))
    const seconds = (performance.now() - started) / 1000
    const total = counts.reduce((sum, count) => sum + count, 0)
    if (total !== items) throw new Error(`${total} of ${items} items were done`)
    return { unit: 'ops/s', values: [items / seconds] }
  } finally {
    await close()
  }
}

/** Makes a queue of so many items, lets a crew loose on it, and takes it down. */
export async function queueRate(
  url: string,
  items: number,
  start: () => Promise<Crew>,
  make = makePlain,
  options?: ConnectOptions,
): Promise<Measurement> {
  const master = await WatchdogQueue.connect(url, options)
  await make(master, itemList(items))
  const measurement = await crewRate(await start(), items)
  const { done } = await master.counts()
  if (done !== items) throw new Error(`${done} of ${items} items are done, says the queue`)
  await master.destroy()
  await master.close()
  return measurement
}

/** Where a queue is created, and of how many items. */
export interface CreationPlace {
  readonly rival?: RivalName
  url(params: TrialParams): string
  count(params: TrialParams): number
}

/** Creates a queue, after a smaller one that lets the compiler do its work, and measures by `look`. */
export function creation(
  { rival, url, count }: CreationPlace,
  name: string,
  look: (create: () => Promise<void>, params: TrialParams) => Promise<Measurement>,
): Trial {
  const run = async (params: TrialParams) => {
    const items = itemList(count(params))
    const master = await WatchdogQueue.connect(url(params))
    await master.createQueue({ queue: items.slice(0, items.length / 5) })
    await master.destroy()
    const measurement = await look(() => master.createQueue({ queue: items }), params)
    await master.destroy()
    await master.close()
    return measurement
  }
  return { name, role: 'ours', rival, run }
}

/** How long createQueue() takes. */
export function createdIn(place: CreationPlace): Trial {
  return creation(place, 'createQueue()', async (create) => {
    const started = performance.now()
    await create()
    return { unit: 'ms', values: [performance.now() - started] }
  })
}

/** For how long createQueue() keeps the event loop from turning, at most. */
export function stalledIn(place: CreationPlace): Trial {
  return creation(place, 'longest stall of the event loop', async (create) => {
    const delays = monitorEventLoopDelay({ resolution: 1 })
    delays.enable()
    await create()
    delays.disable()
    return { unit: 'ms', values: [delays.max / 1e6] }
  })
}

/** What the event loop may be kept from at most: a bar. */
export const SHORT_STALL: Bar = {
  what: 'createQueue(), longest stall in ms',
  of: 'longest stall of the event loop',
  atMost: 50,
}
