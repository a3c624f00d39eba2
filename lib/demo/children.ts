// The processes of the demo: the workers of a cluster and the load. None outlives `stop()`.

import { type ChildProcess, fork } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import type { LoadResult } from './load'

const PATIENCE_MS = 2000

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
    cluster.setupPrimary({ exec: join(__dirname, 'worker.js'), args: [], execArgv: [] })
  }

  /** Starts a worker and gives the port it listens on, the same for all of them. */
  async start(id: string): Promise<number> {
    const worker = cluster.fork({ ROLLCALL_DEMO_DIR: this.#baseDir, ROLLCALL_DEMO_ID: id })
    this.#workers.set(worker, id)
    worker.on('exit', (code, signal) => {
      const wasOurs = !this.#workers.delete(worker) || this.#isStopping
      if (!wasOurs) this.#onFailure(new Error(`The demo's worker ${id} ended by itself (${signal ?? code})`))
    })
    const ended = once(worker, 'exit').then(() => [{ port: 0 }])
    const [address] = (await Promise.race([once(worker, 'listening'), ended])) as [{ port: number }]
    return address.port
  }

  /** SIGKILLs one worker and gives its pid at once, and when node:cluster has noticed as a promise. */
  kill(id: string): { pid: number; noticed: Promise<unknown> } {
    const [worker] = [...this.#workers].find(([, name]) => name === id)!
    this.#workers.delete(worker)
    const noticed = once(worker, 'exit')
    worker.process.kill('SIGKILL')
    return { pid: worker.process.pid!, noticed }
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(
      [...this.#workers.keys()].map((worker) => endOf(worker.process, () => worker.send('end'))),
    )
  }
}

/** autocannon, asking for every route of the demo's server. */
export class Load {
  readonly #child: ChildProcess
  readonly #result: Promise<LoadResult | undefined>

  constructor(port: number, seconds: number) {
    const args = [`http://127.0.0.1:${port}`, String(seconds)]
    this.#child = fork(join(__dirname, 'load.js'), args, { execArgv: [] })
    const ended = once(this.#child, 'exit').then(() => undefined)
    const told = once(this.#child, 'message').then(([message]) => message as LoadResult)
    this.#result = Promise.race([told, ended])
  }

  /** Ends the load and gives what it measured; undefined when it ended before it could say. */
  async stop(): Promise<LoadResult | undefined> {
    await endOf(this.#child, () => this.#child.send('stop'))
    return this.#result
  }
}

/** Asks a process to end, insists after a while, and waits until it is gone. */
async function endOf(child: ChildProcess, ask: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  if (child.connected) ask()
  const inTime = new AbortController()
  const insist = delay(PATIENCE_MS, undefined, { signal: inTime.signal }).then(
    () => child.kill('SIGKILL'),
    () => {},
  )
  await exit
  inTime.abort()
  await insist
}
