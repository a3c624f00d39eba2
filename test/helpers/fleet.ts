// A fleet of worker processes on one queue, and the account of what they did.

import type { WorkerMessage } from '../children/queue-worker'
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

  /** Kills one that has begun something, and starts another in its place. */
  async replaceOne(): Promise<void> {
    const position = this.workers.findIndex((worker) =>
      worker.messages.some(({ begin }) => begin !== undefined),
    )
    if (position === -1) return
    const [victim] = this.workers.splice(position, 1)
    await victim!.child.killed('SIGKILL')
    this.start()
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
