// The demo: a real cluster under real load, one worker killed, another one hanging, and what the board said about them.

import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'

import { Scoreboard } from '../scoreboard/scoreboard'
import type { Snapshot, WorkerEntry } from '../scoreboard/types'
import { ownerKey } from '../view/rates'
import { blockedForMs } from '../view/worker-state'
import { stackOnBoard } from '../why/on-board'
import { stackLines } from '../why/stack-text'
import { Load, Servers } from './children'
import type { LoadResult } from './load'

const WORKERS = ['web-1', 'web-2', 'web-3', 'web-4']
const VICTIM = 'web-2'
const HANGING = 'web-3'
const READ_EVERY_MS = 5
const DEATH_DEADLINE_MS = 5000
const LOOK_EVERY_MS = 20
const SHOWN_FRAMES = 3
const STACK_TIMEOUT_MS = 5000

export interface DemoOptions<L = Look> {
  /** How long the load lasts. */
  seconds: number
  /** Ends it early, with a report of what happened until then. */
  signal: AbortSignal
  /** Hears what happens, a sentence at a time. */
  say(sentence: string): void
  /** Hears when there is something to look at; `look` gives the board as it is now. */
  onReady(look: () => L): void
  /** Hears that the board has a dead or a blocked worker to show. */
  onNews(): void
}

/** The board now, and how busy it is. */
export interface Look {
  baseDir: string
  snapshot: Snapshot
  updatesPerSecond: number
}

export interface Death {
  id: string
  pid: number
  /** From the SIGKILL until a read of the board said dead. */
  seenAfterMs: number
  /** From the SIGKILL until node:cluster's own exit event. */
  exitEventAfterMs: number
}

export interface Hang {
  id: string
  pid: number
  /** From the word to the worker until a read of the board said blocked. */
  seenAfterMs: number
  /** From the question to the stack; null where there was none. */
  stackAfterMs: number | null
  /** Where it was, the innermost call first; or why nobody can say. */
  stack: string[]
}

export interface DemoReport {
  seconds: number
  workers: number
  requests: number
  connectionErrors: number
  updates: number
  updatesPerSecond: number
  reads: number
  meanReadMs: number | null
  medianReadMs: number | null
  deaths: Death[]
  hangs: Hang[]
  freedSlots: number
  /** Whether no process and no file of the demo is left. */
  isClean: boolean
}

/** Runs it all in a temporary directory, and leaves nothing behind. */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const baseDir = await mkdtemp(join(tmpdir(), 'rollcall-demo-'))
  let demo: Demo | undefined
  try {
    demo = new Demo(baseDir, options)
    await demo.run()
  } finally {
    await demo?.stop()
    await rm(baseDir, { recursive: true, force: true })
  }
  return demo.report(!existsSync(baseDir))
}

class Demo {
  readonly #baseDir: string
  readonly #options: DemoOptions
  readonly #failure = new AbortController()
  readonly #signal: AbortSignal
  readonly #servers: Servers
  readonly #owner: Scoreboard
  // Read-only, so that its reads do not clean the dead away before everybody has seen them.
  readonly #reader: Scoreboard
  readonly #tally = new Tally()
  readonly #readNs = createHistogram()
  readonly #deaths: Death[] = []
  readonly #hangs: Hang[] = []
  #load: Load | undefined
  #loadResult: LoadResult | undefined
  #reading: Promise<void> | undefined
  #freedSlots = 0
  #loadStartedAt: number | undefined
  #seconds = 0
  #isStopped = false

  constructor(baseDir: string, options: DemoOptions) {
    this.#baseDir = baseDir
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#failure.signal])
    this.#servers = new Servers(baseDir, this.#fail)
    this.#owner = new Scoreboard({ baseDir })
    this.#reader = new Scoreboard({ baseDir, readOnly: true })
  }

  async run(): Promise<void> {
    try {
      await this.#play()
    } catch (error) {
      if (!this.#signal.aborted) throw error
    }
    // Somebody who wants it to end early gets a report; a worker that failed is an error.
    this.#failure.signal.throwIfAborted()
  }

  async #play(): Promise<void> {
    const { say, seconds } = this.#options
    say(`starting a cluster of ${WORKERS.length} HTTP workers, their board in ${this.#baseDir}`)
    const [port] = await Promise.all(WORKERS.map((id) => this.#servers.start(id, this.#signal)))

    say(`autocannon puts load on http://127.0.0.1:${port}`)
    this.#load = new Load(port!, seconds + 5, this.#fail)
    this.#loadStartedAt = performance.now()
    this.#reading = this.#readAgainAndAgain().catch(this.#fail)
    let latest = this.#look()
    this.#options.onReady(() => {
      try {
        latest = this.#look()
      } catch (error) {
        this.#fail(error)
      }
      return latest
    })

    await this.#until(seconds * 0.4)
    await this.#killOne()
    await this.#until(seconds * 0.55)
    const { slots } = this.#owner.cleanup()
    this.#freedSlots += slots
    await this.#servers.start(VICTIM, this.#signal)
    say(`cleaned up ${slots} dead slot, and a new ${VICTIM} is at work`)
    await this.#until(seconds * 0.6)
    await this.#hangOne()
    await this.#until(seconds)
  }

  readonly #fail = (error: unknown) => this.#failure.abort(error)

  async #killOne(): Promise<void> {
    const { say } = this.#options
    const killedAt = performance.now()
    const { pid, noticed } = this.#servers.kill(VICTIM)
    const exitEvent = noticed.then(() => performance.now() - killedAt)
    say(`SIGKILL to ${VICTIM}, pid ${pid}`)
    while (this.#look().snapshot.workers.some((worker) => worker.pid === pid && worker.state === 'live')) {
      if (performance.now() - killedAt > DEATH_DEADLINE_MS)
        throw new Error(`The board never said that ${pid} is dead`)
      await nextTurn()
    }
    const seenAfterMs = performance.now() - killedAt
    const exitEventAfterMs = await exitEvent
    this.#deaths.push({ id: VICTIM, pid, seenAfterMs, exitEventAfterMs })
    say(
      `the board knew after ${seenAfterMs.toFixed(1)} ms (node:cluster after ${exitEventAfterMs.toFixed(1)} ms)`,
    )
    this.#options.onNews()
  }

  async #hangOne(): Promise<void> {
    const { say } = this.#options
    const toldAt = performance.now()
    const pid = this.#servers.hang(HANGING)
    say(`${HANGING}, pid ${pid}, computes something long, and its event loop turns no more`)
    const isIt = (worker: WorkerEntry) => worker.pid === pid && blockedForMs(worker) !== undefined
    let worker = this.#look().snapshot.workers.find(isIt)
    while (worker === undefined) {
      if (performance.now() - toldAt > DEATH_DEADLINE_MS)
        throw new Error(`The board never said that ${pid} is blocked`)
      await delay(LOOK_EVERY_MS, undefined, { signal: this.#signal })
      worker = this.#look().snapshot.workers.find(isIt)
    }
    const seenAfterMs = performance.now() - toldAt
    const found = await stackOnBoard(this.#owner, worker, { timeoutMs: STACK_TIMEOUT_MS })
    const stack = stackLines(found).slice(0, SHOWN_FRAMES)
    const stackAfterMs = found.frames === undefined ? null : found.tookMs
    this.#hangs.push({ id: HANGING, pid, seenAfterMs, stackAfterMs, stack: stack.map((line) => line.trim()) })
    say(
      `the board called it blocked after ${seenAfterMs.toFixed(0)} ms; rollcall why ${HANGING}, ${found.tookMs.toFixed(0)} ms later:`,
    )
    for (const line of stack) say(line)
    this.#options.onNews()
  }

  async #readAgainAndAgain(): Promise<void> {
    while (!this.#signal.aborted && !this.#isStopped) {
      const startedAt = process.hrtime.bigint()
      this.#reader.readAll()
      this.#readNs.record(process.hrtime.bigint() - startedAt)
      await delay(READ_EVERY_MS)
    }
  }

  /** Everything that runs is over when this resolves, whatever happened before. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#loadStartedAt !== undefined) this.#seconds = (performance.now() - this.#loadStartedAt) / 1000
    await this.#reading
    this.#loadResult = await this.#load?.stop()
    this.#tally.add(this.#reader.snapshot({ includeDead: true }))
    await this.#servers.stop()
    this.#reader.close()
    this.#owner.close()
  }

  report(isClean: boolean): DemoReport {
    const hasRead = this.#readNs.count > 0
    return {
      seconds: this.#seconds,
      workers: WORKERS.length,
      requests: this.#loadResult?.requests ?? 0,
      connectionErrors: this.#loadResult?.connectionErrors ?? 0,
      updates: this.#tally.updates,
      updatesPerSecond: this.#seconds > 0 ? this.#tally.updates / this.#seconds : 0,
      reads: this.#readNs.count,
      meanReadMs: hasRead ? this.#readNs.mean / 1e6 : null,
      medianReadMs: hasRead ? this.#readNs.percentile(50) / 1e6 : null,
      deaths: this.#deaths,
      hangs: this.#hangs,
      freedSlots: this.#freedSlots,
      isClean,
    }
  }

  #look(): Look {
    const snapshot = this.#reader.snapshot({ includeDead: true })
    this.#tally.add(snapshot)
    return { baseDir: this.#baseDir, snapshot, updatesPerSecond: this.#tally.perSecond() }
  }

  /** Waits until so many seconds of load are over. */
  async #until(seconds: number): Promise<void> {
    const leftMs = Math.ceil(this.#loadStartedAt! + seconds * 1000 - performance.now())
    await delay(Math.max(0, leftMs), undefined, { signal: this.#signal })
  }
}

/** Counts the updates of all workers that ever were, the dead and cleaned away too. */
class Tally {
  readonly #updatesOf = new Map<string, number>()
  #since: { at: number; updates: number } | undefined
  #rate = 0

  add(snapshot: Snapshot): void {
    for (const worker of snapshot.workers) this.#updatesOf.set(ownerKey(worker), worker.updates)
  }

  get updates(): number {
    let sum = 0
    for (const updates of this.#updatesOf.values()) sum += updates
    return sum
  }

  /** Over the last second or so: often enough to move, seldom enough to be read. */
  perSecond(): number {
    const now = { at: performance.now(), updates: this.updates }
    this.#since ??= now
    const elapsedMs = now.at - this.#since.at
    if (elapsedMs < 900) return this.#rate
    this.#rate = ((now.updates - this.#since.updates) / elapsedMs) * 1000
    this.#since = now
    return this.#rate
  }
}
