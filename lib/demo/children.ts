// The processes of the demo: the workers of a cluster and the load. None outlives `stop()`.

import { type ChildProcess, fork } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

import type { LoadResult } from './load'

const GRACE_MS = 2000

/** The cluster: this process is its primary. */
export class Servers {
  readonly #baseDir: string
  readonly #onFailure: (error: Error) => void
  readonly #workers = new Map<Worker, string>()
  #isStopping = false

  /** `onFailure` hears of a worker that ended though nobody wanted it to. */
  constructor(baseDir: string, onFailure: (error: Error) => void) {
    this.#baseDir = baseDir
    this.#onFailure = onFailure
    const stdio: ('ignore' | 'inherit' | 'pipe' | 'ipc')[] = ['ignore', 'inherit', 'pipe', 'ipc']
    cluster.setupPrimary({ exec: join(__dirname, 'worker.js'), args: [], execArgv: [], stdio })
  }

  /** Starts a worker and gives the port it listens on, the same for all of them. */
  start(id: string, signal: AbortSignal): Promise<number> {
    const worker = cluster.fork({ ROLLCALL_DEMO_DIR: this.#baseDir, ROLLCALL_DEMO_ID: id })
    this.#workers.set(worker, id)
    passOn(worker.process.stderr)
    worker.on('exit', (code, how) => {
      const isWanted = !this.#workers.delete(worker) || this.#isStopping
      // A worker so young that it does not ignore Ctrl-C yet: this process hears of it too.
      if (!isWanted && how !== 'SIGINT' && how !== 'SIGHUP') {
        this.#onFailure(new Error(`The demo's worker ${id} ended by itself (${how || `code ${code}`})`))
      }
    })
    worker.on('error', (error) => {
      // Without a pid it never started; otherwise a message missed a worker that died, and 'exit' says more.
      if (worker.process.pid !== undefined) return
      this.#workers.delete(worker)
      this.#onFailure(error)
    })
    return new Promise((resolve, reject) => {
      worker.once('listening', ({ port }) => resolve(port))
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }

  /** SIGKILLs one worker and gives its pid at once, and when node:cluster has noticed as a promise. */
  kill(id: string): { pid: number; noticed: Promise<unknown> } {
    const [worker] = [...this.#workers].find(([, name]) => name === id)!
    this.#workers.delete(worker)
    const noticed = new Promise((resolve) => worker.once('exit', resolve))
    worker.process.kill('SIGKILL')
    return { pid: worker.process.pid!, noticed }
  }

  /** Lets one worker block its event loop for a while, and gives its pid. */
  hang(id: string): number {
    const [worker] = [...this.#workers].find(([, name]) => name === id)!
    worker.send('hang')
    return worker.process.pid!
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all([...this.#workers.keys()].map((worker) => endOf(worker.process, 'end')))
  }
}

/** What a worker says, but for what Node says when somebody asks it for a stack: the screen is another's. */
function passOn(stderr: NodeJS.ReadableStream | null): void {
  if (stderr === null) return
  createInterface({ input: stderr }).on('line', (line) => {
    if (!/^(Debugger |For help, see: https:\/\/nodejs)/.test(line)) process.stderr.write(`${line}\n`)
  })
}

/** autocannon, asking for every route of the demo's server. */
export class Load {
  readonly #child: ChildProcess
  readonly #result: Promise<LoadResult | undefined>

  /** `onFailure` hears when it cannot be started. */
  constructor(port: number, seconds: number, onFailure: (error: Error) => void) {
    const args = [`http://127.0.0.1:${port}`, String(seconds)]
    this.#child = fork(join(__dirname, 'load.js'), args, { execArgv: [] })
    this.#child.on('error', (error) => {
      if (this.#child.pid === undefined) onFailure(error)
    })
    this.#result = new Promise((resolve) => {
      this.#child.once('message', (message) => resolve(message as LoadResult))
      for (const end of ['exit', 'error']) this.#child.once(end, () => resolve(undefined))
    })
  }

  /** Ends the load and gives what it measured; undefined when it ended before it could say. */
  async stop(): Promise<LoadResult | undefined> {
    await endOf(this.#child, 'stop')
    return this.#result
  }
}

/** Asks a process to end, insists after a while, and waits until it is gone. */
export async function endOf(child: ChildProcess, word: string): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  // It may be gone already without our knowing: that is what it was asked for.
  if (child.connected) child.send(word, () => {})
  const inTime = new AbortController()
  const insist = delay(GRACE_MS, undefined, { signal: inTime.signal }).then(
    () => child.kill('SIGKILL'),
    () => {},
  )
  await exit
  inTime.abort()
  await insist
}
