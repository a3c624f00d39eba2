// A fleet of worker processes on one queue, the account of what they did, and the trial that each
// kind of queue is put to: is every item done once, while something breaks?

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { WatchdogQueue } from '../../lib'
import type { WorkerMessage } from '../programs/queue-worker'
import { type Child, startChild } from './child'

export interface Account {
  /** How often each item was begun. */
  readonly begun: Map<string, number>
  readonly acked: Map<string, number>
  /** Items that a killed worker had begun, or whose holder was told that the lease was lost. */
  readonly disturbed: Set<string>
}

interface FleetWorker {
  readonly child: Child
  readonly messages: WorkerMessage[]
}

export class Fleet {
  readonly workers: FleetWorker[] = []
  readonly #args: (id: string) => string[]
  readonly #all: FleetWorker[] = []
  #next = 0

  constructor(url: string, itemMs: number, sessionMs: number) {
    this.#args = (id) => [url, id, String(itemMs), String(sessionMs)]
  }

  start(): void {
    const child = startChild('queue-worker', ...this.#args(`worker-${this.#next++}`))
    const messages: WorkerMessage[] = []
    child.process.on('message', (message) => messages.push(message as WorkerMessage))
    const worker = { child, messages }
    this.workers.push(worker)
    this.#all.push(worker)
  }

  /** Each says that it is ready before anything else. */
  async ready(): Promise<void> {
    await Promise.all(this.workers.map(({ child }) => child.message()))
  }

  /** Kills one that has begun something, and starts another in its place; false where none has begun. */
  async replaceOne(): Promise<boolean> {
    const position = this.workers.findIndex((worker) =>
      worker.messages.some(({ begin }) => begin !== undefined),
    )
    if (position === -1) return false
    const [victim] = this.workers.splice(position, 1)
    await victim!.child.killed('SIGKILL')
    this.start()
    return true
  }

  async finished(): Promise<void> {
    for (const { child } of this.workers) {
      const { code, signal } = await child.exited
      if (code !== 0) throw new Error(`A worker ended with ${code ?? signal}`)
    }
  }

  account(): Account {
    const begun = new Map<string, number>()
    const acked = new Map<string, number>()
    const disturbed = new Set<string>()
    const count = (map: Map<string, number>, item: string) => map.set(item, (map.get(item) ?? 0) + 1)
    for (const worker of this.#all) {
      const wasKilled = !this.workers.includes(worker)
      for (const { begin, acked: done, lost } of worker.messages) {
        if (begin !== undefined) count(begun, begin)
        if (begin !== undefined && wasKilled) disturbed.add(begin)
        if (done !== undefined) count(acked, done)
        if (lost !== undefined) disturbed.add(lost)
      }
    }
    return { begun, acked, disturbed }
  }
}

export interface Trial {
  master: WatchdogQueue<string>
  /** Where the workers find the queue. */
  url: string
  workers: number
  items: number
  itemMs: number
  sessionMs: number
  limitMs: number
}

/** What a disturbance has in hand. */
export interface Running {
  fleet: Fleet
  /** Share of the items that are done. */
  progress(): number
  /** Adds what was held back by `portions`, one portion more; the queue is sealed after the last. */
  addPortion(): Promise<void>
}

/**
 * Runs a fleet to the end of a queue that `master` creates while `disturb` is at work, and checks
 * the account: every item done, none acked twice, and only items of killed workers run again.
 *
 * With `portions` the queue starts with the first of so many, and the disturbance adds the others: the
 * work cannot be over before it is done, however fast the machine is.
 */
export async function survive(
  { master, url, workers, items: count, itemMs, sessionMs, limitMs }: Trial,
  disturb: (running: Running) => Promise<void>,
  portions = 1,
): Promise<void> {
  const items = Array.from({ length: count }, (_, i) => `item ${i}`)
  const size = Math.ceil(count / portions)
  await master.createQueue({
    queue: items.slice(0, size),
    timerMs: 60_000,
    maxAttempts: 20,
    sealed: portions === 1,
  })
  const fleet = new Fleet(url, itemMs, sessionMs)
  for (let i = 0; i < workers; i++) fleet.start()
  await fleet.ready()

  let added = size
  const disturbance = disturb({
    fleet,
    progress: () => fleet.account().acked.size / count,
    async addPortion() {
      await master.add(items.slice(added, added + size))
      added += size
      if (added >= count) await master.seal()
    },
  })
  const [report] = await Promise.all([master.waitDone({ timeoutMs: limitMs }), disturbance])
  await fleet.finished()

  assert.deepEqual({ done: report.done, dead: report.dead }, { done: count, dead: 0 })
  const { begun, acked, disturbed } = fleet.account()
  assert.deepEqual(new Set(begun.keys()), new Set(items))
  assert.ok(
    [...acked.values()].every((times) => times === 1),
    'no item is acked twice',
  )
  const again = [...begun].filter(([, times]) => times > 1).map(([item]) => item)
  assert.deepEqual(
    again.filter((item) => !disturbed.has(item)),
    [],
    'only items of killed workers run again',
  )
}

/** A disturbance: kills a worker that is at work, again and again, adding a portion after each. */
export function killEvery(intervalMs: number, kills: number): (running: Running) => Promise<void> {
  return async ({ fleet, addPortion }) => {
    for (let i = 0; i < kills; ) {
      if (await fleet.replaceOne()) {
        await addPortion()
        i++
      }
      await delay(intervalMs)
      // Where a process takes longer to start than the interval, all would be killed while starting.
      await fleet.ready()
    }
  }
}
