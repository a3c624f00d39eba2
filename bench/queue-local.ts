// The queue on one machine: four worker processes on an SQLite file, beside BullMQ on a local Redis, and beside
// the least that SQLite itself needs for it.

import { once } from 'node:events'
import path from 'node:path'
import { WatchdogQueue, type WatchdogTimer } from '../lib'
import { startNode, stop, useBothCores } from './harness/machine'
import { CHILDREN_DIR } from './harness/paths'
import type { Measurement, Subject, Trial, TrialParams } from './harness/plan'
import { zookeeperUrl } from './queue'
import {
  type CreationPlace,
  createdIn,
  crewOfProcesses,
  crewRate,
  type DrainWay,
  type MakeQueue,
  makeLayered,
  queueRate,
  SHORT_STALL,
  stalledIn,
  WARM_UP,
} from './queue-trial'
import { bestOfBullmq, bullmqRedelivery } from './rivals/bullmq'

const WORKERS = 4
const ITEMS = {
  leases: { full: 100_000, quick: 20_000 },
  lease: { full: 60_000, quick: 4000 },
  created: { full: 100_000, quick: 100_000 },
}
const DEATHS = { full: 30, quick: 5 }

function countOf(kind: keyof typeof ITEMS, { quick }: TrialParams): number {
  return quick ? ITEMS[kind].quick : ITEMS[kind].full
}

function warmUpOf({ quick }: TrialParams): number {
  return quick ? WARM_UP.quick : WARM_UP.full
}

function ours(name: string, way: DrainWay, make?: MakeQueue): Trial {
  return {
    name,
    role: 'ours',
    async run(params) {
      useBothCores(process.pid, params.otherCore)
      const url = place.url(params)
      const start = () => crewOfProcesses(way, url, WORKERS, { warmUp: warmUpOf(params) })
      return queueRate(url, countOf(way === 'lease' ? 'lease' : 'leases', params), start, make)
    },
  }
}

const PLAIN = 'leases() + ack()'
const FAILING = 'leases() of five priorities, 2 % failing once, with back-off'

/** The same on the store of many machines, on a server of this one. */
const onZookeeper: Trial = {
  name: 'leases() + ack(), on ZooKeeper',
  role: 'ours',
  rival: 'zookeeper',
  async run(params) {
    useBothCores(process.pid, params.otherCore)
    const url = zookeeperUrl(params)
    const start = () => crewOfProcesses('leases', url, WORKERS, { warmUp: warmUpOf(params) })
    return queueRate(url, countOf('leases', params), start)
  },
}

/** Where a claim and an ack are a write each, they cost that at the least. */
const bareWrites: Trial = {
  name: 'two bare writes of libsql an item',
  role: 'floor',
  async run(params) {
    useBothCores(process.pid, params.otherCore)
    const items = countOf('lease', params)
    const file = path.join(params.dir, 'bare.db')
    const crew = await crewOfProcesses('bare', file, WORKERS, { warmUp: 0, number: items / WORKERS })
    return crewRate(crew, items)
  },
}

const bullmq: Trial = {
  name: 'BullMQ at its best concurrency',
  role: 'rival',
  rival: 'bullmq',
  run: (params) => bestOfBullmq(params, WORKERS),
}

async function redelivered(holderOf: string, timer: WatchdogTimer, queue: WatchdogQueue, core?: number) {
  const holder = startNode(path.join(CHILDREN_DIR, 'queue-holder.js'), [holderOf], core)
  try {
    await once(holder, 'message')
    const waiting = timer.lease({ waitMs: 60_000 })
    // So that it is asleep when the death comes.
    await new Promise((resolve) => setTimeout(resolve, 50))
    const started = performance.now()
    holder.kill('SIGKILL')
    const lease = await waiting
    const ms = performance.now() - started
    await lease!.ack()
    await queue.add(['another'])
    return ms
  } finally {
    await stop(holder)
  }
}

/** From the signal that kills a leaseholder to another having its item: the kernel's own part is in it. */
async function redelivery({ dir, quick, otherCore }: TrialParams): Promise<number[]> {
  const url = path.join(dir, 'queue')
  const queue = await WatchdogQueue.connect(url)
  await queue.createQueue({ queue: ['one'], timerMs: 3_600_000, sealed: false })
  const timer = await queue.createTimer('waiter')
  const values: number[] = []
  const deaths = quick ? DEATHS.quick : DEATHS.full
  while (values.length < deaths) values.push(await redelivered(url, timer, queue, otherCore))
  await queue.destroy()
  await queue.close()
  return values
}

const milliseconds = (values: number[]): Measurement => ({ unit: 'ms', values })

const itemsOf = (kind: keyof typeof ITEMS) =>
  `${ITEMS[kind].full.toLocaleString('en')} items; with --quick ${ITEMS[kind].quick.toLocaleString('en')}`

const place: CreationPlace = {
  url: ({ dir }) => path.join(dir, 'queue'),
  count: (params) => countOf('created', params),
}

export const queueLocal: Subject = {
  name: 'queue-local',
  title: 'The queue on one machine',
  rows: [
    {
      id: 'drain',
      what: 'Leasing and acking items, 4 worker processes on two cores, an empty handler',
      quickly: 'fewer items, and BullMQ at one concurrency instead of its best',
      notes: [
        `leases(): ${itemsOf('leases')}`,
        `lease(): ${itemsOf('lease')}`,
        `Before, each process, BullMQ's too, drains a queue of ${WARM_UP.full.toLocaleString('en')} items of its own`,
      ],
      trials: [
        bareWrites,
        ours(PLAIN, 'leases'),
        ours(FAILING, 'failing', makeLayered),
        ours('lease() + ack()', 'lease'),
        onZookeeper,
        bullmq,
      ],
      bars: [
        { what: 'the same of five priorities and with failures', of: FAILING, by: PLAIN, atLeast: 0.5 },
        { what: 'leases() + ack(), against BullMQ', of: PLAIN, by: bullmq.name, atLeast: 10 },
        { what: 'lease() + ack(), against BullMQ', of: 'lease() + ack()', by: bullmq.name, atLeast: 3 },
      ],
    },
    {
      id: 'create',
      what: 'Creating a queue in one call',
      notes: [itemsOf('created')],
      trials: [createdIn(place), stalledIn(place)],
      bars: [SHORT_STALL],
    },
    {
      id: 'death',
      what: 'From SIGKILL of a leaseholder to another having its item',
      rounds: 1,
      trials: [
        {
          name: 'kill to redelivery',
          role: 'ours',
          run: async (params) => milliseconds(await redelivery(params)),
        },
        {
          name: 'kill to redelivery, the slowest',
          role: 'ours',
          run: async (params) => milliseconds([Math.max(...(await redelivery(params)))]),
        },
        {
          name: 'BullMQ, lockDuration 1 s, stalledInterval 0.5 s',
          role: 'rival',
          rival: 'bullmq',
          run: bullmqRedelivery,
        },
      ],
      bars: [
        { what: 'kill to redelivery, p50 in ms', of: 'kill to redelivery', atMost: 100 },
        {
          what: 'kill to redelivery, the slowest in ms',
          of: 'kill to redelivery, the slowest',
          atMost: 100,
        },
      ],
    },
  ],
}
