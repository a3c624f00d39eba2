// The rival of the queue on one machine: BullMQ on a local Redis, through a unix socket, without a disk.

import { once } from 'node:events'
import path from 'node:path'
import { startNode, stop, useBothCores } from '../harness/machine'
import { CHILDREN_DIR } from '../harness/paths'
import type { Measurement, TrialParams } from '../harness/plan'
import { crewOfProcesses, crewRate, itemList, WARM_UP } from '../queue-trial'
import { rivalPackage } from '.'

export const BULLMQ_QUEUE = 'bench'
const ITEMS = { full: 20_000, quick: 2000 }
const CONCURRENCIES = { full: [1, 50, 200], quick: [50] }
const DEATHS = { full: 3, quick: 1 }

/** What a worker of its own is told, so that a death is noticed as soon as can be. */
export const SHORT_LOCKS = { lockDuration: 1000, stalledInterval: 500 }

export function socketOf({ stage }: TrialParams): string {
  return (stage as { redisSocket: string }).redisSocket
}

/** Makes a queue of that name which has these jobs and no others. */
export async function refill(socket: string, name: string, items: readonly string[]): Promise<void> {
  const { Queue } = rivalPackage('bullmq')
  const queue = new Queue(name, { connection: { path: socket } })
  await queue.obliterate({ force: true })
  for (let from = 0; from < items.length; from += 1000) {
    const part = items.slice(from, from + 1000)
    await queue.addBulk(part.map((data) => ({ name: 'item', data, opts: { removeOnComplete: true } })))
  }
  await queue.close()
}

/** Items a second, by the concurrency that does most of them. */
export async function bestOfBullmq(params: TrialParams, workers: number): Promise<Measurement> {
  useBothCores(process.pid, params.otherCore)
  const size = params.quick ? 'quick' : 'full'
  const [socket, count] = [socketOf(params), ITEMS[size]]
  let best = 0
  for (const number of CONCURRENCIES[size]) {
    await refill(socket, BULLMQ_QUEUE, itemList(count))
    const crew = await crewOfProcesses('bullmq', socket, workers, { warmUp: WARM_UP[size], number })
    best = Math.max(best, (await crewRate(crew, count)).values[0]!)
  }
  return { unit: 'ops/s', values: [best] }
}

async function redelivered(socket: string, core: number | undefined): Promise<number> {
  await refill(socket, BULLMQ_QUEUE, ['one'])
  const holder = startNode(path.join(CHILDREN_DIR, 'bullmq-holder.js'), [socket], core)
  await once(holder, 'message')
  const { Worker } = rivalPackage('bullmq')
  let taken = () => {}
  const taking = new Promise<void>((resolve) => {
    taken = resolve
  })
  const connection = { path: socket, maxRetriesPerRequest: null }
  const worker = new Worker(BULLMQ_QUEUE, async () => taken(), { connection, ...SHORT_LOCKS })
  await worker.waitUntilReady()
  const started = performance.now()
  await stop(holder)
  await taking
  const ms = performance.now() - started
  await worker.close()
  return ms
}

export async function bullmqRedelivery(params: TrialParams): Promise<Measurement> {
  const values: number[] = []
  const deaths = params.quick ? DEATHS.quick : DEATHS.full
  while (values.length < deaths) values.push(await redelivered(socketOf(params), params.otherCore))
  return { unit: 'ms', values }
}
