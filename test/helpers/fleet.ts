// A fleet of worker processes on one queue, and the account of what they did.

import type { WorkerMessage } from '../children/queue-worker'
import { Child } from './children'

export interface Account {
  /** How often each item was begun. */
  readonly begun: Map<string, number>
  readonly acked: Map<string, number>
  /** Items that a killed worker had begun, or whose holder was told that the lease was lost. */
  readonly disturbed: Set<string>
}

export class Fleet {
  readonly workers: Child<WorkerMessage>[] = []
  readonly #args: (id: string) => string[]
  readonly #all: Child<WorkerMessage>[] = []
  #next = 0

  constructor(url: string, itemMs: number, sessionMs: number) {
    this.#args = (id) => [url, id, String(itemMs), String(sessionMs)]
  }

  start(): Child<WorkerMessage> {
    const worker = new Child<WorkerMessage>('queue-worker', this.#args(`worker-${this.#next++}`))
    this.workers.push(worker)
    this.#all.push(worker)
    return worker
  }

  async ready(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.message((message) => message.ready === true)))
  }

  /** Kills one that has begun something, and starts another in its place. */
  async replaceOne(): Promise<void> {
    const position = this.workers.findIndex((worker) =>
      worker.messages.some(({ begin }) => begin !== undefined),
    )
    if (position === -1) return
    const [victim] = this.workers.splice(position, 1)
    await victim!.killed('SIGKILL')
    this.start()
  }

  async finished(): Promise<void> {
    for (const worker of this.workers) {
      const { code, signal } = await worker.ended()
      if (code !== 0) throw new Error(`A worker ended with ${code ?? signal}: ${worker.stderr}`)
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
