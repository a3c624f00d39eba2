// The demo's second act: three machines in one view, a worker that hangs, a machine that is lost and comes back. Each
// machine is a process with a board of its own; the fleet is a local: one, so no server is needed.

import { type ChildProcess, fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { Fleet } from '../fleet/fleet'
import { type FleetLook, type FleetRow, lookAt, rowsOf } from '../view/fleet'
import { statusText } from '../view/text'
import { endOf } from './children'
import type { DemoOptions } from './run'

const MACHINES = [
  { name: 'rack-1', zone: 'a' },
  { name: 'rack-2', zone: 'b' },
  { name: 'rack-3', zone: 'b' },
] as const
const HANGING = MACHINES[0]
const VICTIM = MACHINES[1]
const WORKERS = 6
const LOOK_EVERY_MS = 50
const DEADLINE_MS = 20_000
const WORDS_TOLD = 3
const BLOCKED_MS = 750

/** Something that happened to a machine, or to a worker of it. */
export interface Seen {
  machine: string
  /** From when it happened until a look at the fleet said so. */
  seenAfterMs: number
}

export interface FleetDemoReport {
  seconds: number
  machines: number
  workers: number
  hangs: (Seen & { id: string })[]
  /** With what the lost workers were doing. */
  losses: (Seen & { lastWords: { id: string; status: string }[] })[]
  returns: Seen[]
  /** What the workers' counters have come to. */
  totals: Record<string, number>
  /** Whether no process and no file of the demo is left. */
  isClean: boolean
}

/** Runs it all in a temporary directory, and leaves nothing behind. */
export async function runFleetDemo(options: DemoOptions<FleetLook>): Promise<FleetDemoReport> {
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-demo-'))
  const demo = new FleetDemo(folder, options)
  try {
    await demo.run()
  } finally {
    await demo.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return { ...demo.report, isClean: !existsSync(folder) }
}

class FleetDemo {
  readonly report: FleetDemoReport = {
    seconds: 0,
    machines: MACHINES.length,
    workers: MACHINES.length * WORKERS,
    hangs: [],
    losses: [],
    returns: [],
    totals: {},
    isClean: false,
  }
  readonly #folder: string
  readonly #url: string
  readonly #options: DemoOptions<FleetLook>
  readonly #failure = new AbortController()
  readonly #signal: AbortSignal
  readonly #children = new Map<string, ChildProcess>()
  #fleet: Fleet | undefined
  #latest: FleetLook | undefined
  #looking: NodeJS.Timeout | undefined
  #isStopping = false
  #startedAt = performance.now()

  constructor(folder: string, options: DemoOptions<FleetLook>) {
    this.#folder = folder
    this.#url = `local:${join(folder, 'fleet')}`
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#failure.signal])
  }

  async run(): Promise<void> {
    try {
      await this.#play()
    } catch (error) {
      if (!this.#signal.aborted) throw error
    }
    // Somebody who wants it to end early gets a report; a machine that failed is an error.
    this.#failure.signal.throwIfAborted()
  }

  async #play(): Promise<void> {
    const { say, seconds, onReady } = this.#options
    say(`starting ${MACHINES.length} machines of ${WORKERS} workers, their fleet at ${this.#url}`)
    await Promise.all(MACHINES.map((machine) => this.#start(machine)))
    this.#fleet = await Fleet.connect(this.#url, { minIntervalMs: 100, signal: this.#signal })
    const all = MACHINES.length * WORKERS
    await this.#until(`all ${all} workers`, ({ counts }) => counts.busy + counts.idle === all)
    this.#looking = setInterval(() => void this.#look().catch(this.#fail), LOOK_EVERY_MS)
    onReady(() => this.#latest!)

    this.#startedAt = performance.now()
    await this.#after(seconds * 0.2)
    await this.#hangOne()
    await this.#after(seconds * 0.5)
    await this.#loseOne()
    await this.#after(seconds * 0.8)
    await this.#bringBack()
    await this.#after(seconds)
  }

  readonly #fail = (error: unknown) => this.#failure.abort(error)

  async #start({ name, zone }: (typeof MACHINES)[number]): Promise<void> {
    const args = [this.#url, join(this.#folder, name), name, zone, String(WORKERS)]
    const child = fork(join(__dirname, 'fleet-machine.js'), args, { execArgv: [] })
    this.#children.set(name, child)
    child.on('exit', (code, how) => {
      const isWanted = this.#children.get(name) !== child || this.#isStopping
      // One so young that it does not ignore Ctrl-C yet: this process hears of it too.
      if (isWanted || how === 'SIGINT' || how === 'SIGHUP') return
      this.#fail(new Error(`The demo's machine ${name} ended by itself (${how || `code ${code}`})`))
    })
    await new Promise((resolve, reject) => {
      child.once('message', resolve)
      child.once('error', reject)
      this.#signal.addEventListener('abort', () => reject(this.#signal.reason), { once: true })
    })
  }

  async #hangOne(): Promise<void> {
    const { say, onNews } = this.#options
    const { name } = HANGING
    say(`a worker of ${name} computes something long, and its event loop turns no more`)
    this.#children.get(name)!.send('hang')
    // On a busy machine others may be late, too.
    const id = `${name}.1`
    const isIt = ({ kind, worker }: FleetRow) => kind === 'blocked' && worker.id === id
    const { afterMs } = await this.#until('a blocked worker', (look) => rowsOf(look).some(isIt))
    this.report.hangs.push({ machine: name, id, seenAfterMs: afterMs })
    say(`the fleet called ${id} on ${name} blocked after ${afterMs.toFixed(0)} ms`)
    onNews()
  }

  async #loseOne(): Promise<void> {
    const { say, onNews } = this.#options
    const { name } = VICTIM
    const child = this.#children.get(name)!
    this.#children.delete(name)
    say(`${name} loses its power: SIGKILL to pid ${child.pid} and all of its workers`)
    child.kill('SIGKILL')
    const isIt = ({ machine }: FleetRow) => machine.name === name && machine.state === 'lost'
    const { look, afterMs } = await this.#until('a lost machine', (look) => rowsOf(look).some(isIt))
    const lastWords = rowsOf(look)
      .filter(isIt)
      .map(({ worker: { id, status } }) => ({ id, status: statusText(status, 80) }))
    this.report.losses.push({ machine: name, seenAfterMs: afterMs, lastWords })
    say(
      `the fleet called it lost after ${afterMs.toFixed(0)} ms; what its workers were doing when the lights went out:`,
    )
    for (const { id, status } of lastWords.slice(0, WORDS_TOLD)) say(`  ${id}  ${status}`)
    say(`  and ${lastWords.length - WORDS_TOLD} more`)
    onNews()
  }

  async #bringBack(): Promise<void> {
    const { name } = VICTIM
    const begunAt = performance.now()
    await this.#start(VICTIM)
    await this.#until('the machine again', ({ machines }) =>
      machines.some(({ machine, lost }) => machine.name === name && machine.state === 'live' && lost === 0),
    )
    const seenAfterMs = performance.now() - begunAt
    this.report.returns.push({ machine: name, seenAfterMs })
    this.#options.say(`${name} is back, ${seenAfterMs.toFixed(0)} ms after its start, in its old place`)
  }

  async #look(): Promise<FleetLook> {
    this.#latest = lookAt(await this.#fleet!.snapshot(), { blockedMs: BLOCKED_MS })
    return this.#latest
  }

  /** Looks until the fleet is so. */
  async #until(
    what: string,
    isSo: (look: FleetLook) => boolean,
  ): Promise<{ look: FleetLook; afterMs: number }> {
    const since = performance.now()
    for (;;) {
      const look = await this.#look()
      const afterMs = performance.now() - since
      if (isSo(look)) return { look, afterMs }
      if (afterMs > DEADLINE_MS) throw new Error(`The fleet never showed ${what}`)
      await delay(LOOK_EVERY_MS, undefined, { signal: this.#signal })
    }
  }

  /** Waits until so many seconds are over. */
  async #after(seconds: number): Promise<void> {
    const leftMs = Math.ceil(this.#startedAt + seconds * 1000 - performance.now())
    await delay(Math.max(0, leftMs), undefined, { signal: this.#signal })
  }

  /** Everything that runs is over when this resolves, whatever happened before. */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#looking)
    this.report.seconds = (performance.now() - this.#startedAt) / 1000
    try {
      this.report.totals = (await this.#fleet?.totals()) ?? {}
    } finally {
      await Promise.all([...this.#children.values()].map((child) => endOf(child, 'end')))
      await this.#fleet?.close()
    }
  }
}
