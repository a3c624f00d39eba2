// Many machines of a fleet in one process: each with an agent and a session of its own, over a board that is only
// remembered, so that a hundred thousand workers need no hundred thousand processes. Told what to do over HTTP on loopback:
// /rate?n=1000 (changes a second from now on), /kill (one worker), /writes (what all agents have written).

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent } from '../../lib/fleet/agent'
import type { BoardSource } from '../../lib/fleet/followed-board'
import { openStore } from '../../lib/queue/connect'
import type { GoneWorker, WorkerChange, WorkerEntry } from '../../lib/scoreboard/types'
import { monotonicMs } from '../../lib/util/clock'
import { Notifier } from '../../lib/util/wait'

/** Agents that join at the same time. */
const AT_ONCE = 25
const SESSION_MS = 60_000
const TICK_MS = 50

/** As a board of so many living workers behaves, without one. */
class RememberedBoard implements BoardSource {
  readonly baseDir: string
  readonly boardId: string
  readonly counterKinds = { done: 'counter' } as const
  readonly #workers: WorkerEntry[]
  readonly #changed = new Map<number, WorkerEntry>()
  #gone: GoneWorker[] = []
  readonly #notifier = new Notifier()

  constructor(number: number, workers: number) {
    this.baseDir = `/run/machine-${number}`
    this.boardId = number.toString(16).padStart(32, '0')
    this.#workers = Array.from({ length: workers }, (_, slot) => newWorker(number, slot, 1))
  }

  snapshot() {
    const now = Date.now()
    const workers = this.#workers.map((worker) => ({ ...worker, ageMs: now - (worker.updatedAt ?? now) }))
    return { boardId: this.boardId, slots: 1024, workers, cursor: {} as never, takenAt: now }
  }

  totals() {
    let done = 0
    for (const { counters } of this.#workers) done += counters.done!
    return { done }
  }

  async *watch({ signal, minIntervalMs }: { signal: AbortSignal; minIntervalMs: number }) {
    yield { workers: this.#workers.map((worker) => asChange(worker, true)), gone: [] }
    for (;;) {
      await this.#notifier.wait(Number.POSITIVE_INFINITY, signal)
      await new Notifier().wait(minIntervalMs, signal)
      const change = {
        workers: [...this.#changed.values()].map((worker) => asChange(worker, false)),
        gone: this.#gone,
      }
      this.#changed.clear()
      this.#gone = []
      yield change
    }
  }

  update(slot: number): void {
    const before = this.#workers[slot]!
    const updates = before.updates + 1
    const counters = { done: before.counters.done! + 1 }
    const worker = { ...before, updates, counters, status: statusOf(updates), updatedAt: Date.now() }
    this.#workers[slot] = worker
    this.#changed.set(slot, worker)
    this.#notifier.notify()
  }

  /** The worker of a slot dies, and another begins there. */
  kill(slot: number): WorkerEntry {
    const worker = this.#workers[slot]!
    this.#gone.push({ id: worker.id, slot, epoch: worker.epoch, reason: 'died' })
    this.#workers[slot] = newWorker(Number.parseInt(this.boardId, 16), slot, worker.epoch + 1)
    this.#changed.set(slot, this.#workers[slot]!)
    this.#notifier.notify()
    return worker
  }
}

const asChange = (worker: WorkerEntry, isNew: boolean): WorkerChange => ({
  ...worker,
  merged: 1,
  isNew,
  blocked: false,
})

function statusOf(updates: number) {
  const facts = {
    state: 'working',
    since: 1_700_000_000_000 + updates,
    method: 'GET',
    host: 'www.example.org',
  }
  return { ...facts, path: `/orders/${updates}?page=2`, inFlight: 1, requests: updates, bytes: 512 * updates }
}

function newWorker(machine: number, slot: number, epoch: number): WorkerEntry {
  const pid = 1000 + slot + 10_000 * machine
  return {
    ...{
      id: `${pid}.${epoch}`,
      pid,
      threadId: 0,
      slot,
      epoch,
      state: 'live',
      status: statusOf(1),
      updates: 1,
    },
    ...{ startedAt: Date.now(), updatedAt: Date.now(), ageMs: 0, heartbeatAgeMs: 100, heartbeatMs: 1000 },
    ...{ processStart: 123_456, pidNamespace: 4_026_531_836, counters: { done: 0 } },
  }
}

async function main(): Promise<void> {
  const [url, first, count, workers] = process.argv.slice(2) as [string, string, string, string]
  const boards = Array.from(
    { length: Number(count) },
    (_, i) => new RememberedBoard(Number(first) + i, Number(workers)),
  )
  const agents: Agent[] = []
  const waiting = boards.map((board, i) => ({ board, name: `machine-${Number(first) + i}` }))
  const joinAll = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { board, name } = next
      agents.push(
        await Agent.start(
          await openStore(url, { sessionTimeoutMs: SESSION_MS, connectTimeoutMs: SESSION_MS }),
          {
            ...{ name, host: name, labels: { zone: 'a' }, page: undefined, boards: [board] },
            ...{ statusBytes: 512, blockedAfterMs: 3000, intervalMs: 1000, retainMs: 3_600_000 },
          },
        ),
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, joinAll))
  serve(boards, agents)
}

function serve(boards: readonly RememberedBoard[], agents: readonly Agent[]): void {
  let [rate, due, next] = [0, 0, 0]
  setInterval(() => {
    due += (rate * TICK_MS) / 1000
    // Every machine in turn, and of each the next worker.
    for (; due >= 1; due--, next++)
      boards[next % boards.length]!.update(Math.floor(next / boards.length) % 100)
  }, TICK_MS)
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://localhost')
    if (pathname === '/rate') rate = Number(searchParams.get('n'))
    if (pathname !== '/kill') {
      return void response.end(
        JSON.stringify({ writes: agents.reduce((sum, { writes }) => sum + writes, 0) }),
      )
    }
    const at = Math.floor(Math.random() * boards.length)
    const { id, slot } = boards[at]!.kill(Math.floor(Math.random() * 100))
    response.end(JSON.stringify({ board: boards[at]!.baseDir, id, slot, at: monotonicMs() }))
  })
  // Whoever asks may be slow to ask again.
  server.keepAliveTimeout = 600_000
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
}

process.on('disconnect', () => process.exit(0))
main().catch((error) => {
  console.error(error)
  process.exit(1)
})
