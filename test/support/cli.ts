// Runs the compiled command as users do: a process with pipes, or one on a terminal of its own.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Child, startReady } from './child'
import { eventually } from './eventually'
import { LIB } from './paths'

export const MAIN = join(LIB, 'cli', 'main.js')

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** A command that runs: what it has said so far, and how to wait for more. */
export class RunningCli {
  stdout = ''
  stderr = ''
  readonly child: ChildProcess
  readonly #exit: Promise<[number | null, NodeJS.Signals | null]>

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout!.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
    child.stderr!.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    // 'close' comes after the last output, 'exit' may come before it.
    this.#exit = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  }

  /** Waits until standard output matches, looking only at what came after `from`. */
  async says(pattern: RegExp, from = 0): Promise<void> {
    const latest = () =>
      JSON.stringify({ stdout: this.stdout.slice(-1000), stderr: this.stderr.slice(-1000) })
    const isSaid = () => pattern.test(this.stdout.slice(from))
    await eventually(
      () => isSaid() || this.child.exitCode !== null,
      () => `${pattern} in ${latest()}`,
    )
    if (!isSaid()) throw new Error(`It ended with ${this.child.exitCode}, without ${pattern}: ${latest()}`)
  }

  async ended(): Promise<Ended> {
    const [code, signal] = await this.#exit
    return { code, signal, stdout: this.stdout, stderr: this.stderr }
  }
}

const running = new Set<ChildProcess>()

/** Starts `rollcall ...args`. It is killed after the test, at the latest. */
export function startCli(args: string[], env: NodeJS.ProcessEnv = {}): RunningCli {
  return start(process.execPath, [MAIN, ...args], env)
}

/** Runs `rollcall ...args` to its end. */
export async function runCli(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return startCli(args, env).ended()
}

/** Whether `startOnTerminal` can work: util-linux's `script` makes the terminal. */
export function hasTerminal(): boolean {
  return spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false
}

/** Starts `rollcall ...args` on a new terminal; the first line of output is the terminal's path. */
export function startOnTerminal(args: string[], env: NodeJS.ProcessEnv = {}): RunningCli {
  const quoted = [process.execPath, MAIN, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`)
  const command = `stty rows 20 cols 100; tty; exec ${quoted.join(' ')}`
  return start('script', ['-q', '-e', '-c', command, '/dev/null'], {
    TERM: 'xterm',
    SHELL: '/bin/sh',
    ...env,
  })
}

/** The pids of the processes that have `NAME=value` in the environment they were started with (Linux). */
export function pidsWithEnv(name: string, value: string): number[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return pids.filter((pid) => environmentOf(pid).includes(`${name}=${value}`)).map(Number)
}

/** A worker of the board in `baseDir` that has published one status, and stays. */
export async function startWorker(baseDir: string, workerId: string, status: unknown): Promise<Child> {
  const worker = await startReady('worker', JSON.stringify({ baseDir, workerId }))
  for (const request of [{ method: 'open' }, { method: 'update', args: [status] }]) {
    assert.deepEqual(await worker.ask(request), { value: undefined })
  }
  return worker
}

function start(command: string, args: string[], env: NodeJS.ProcessEnv): RunningCli {
  const { NO_COLOR: _, FORCE_COLOR: __, COLUMNS: ___, ...inherited } = process.env
  // A group of its own, as a shell gives each command: a terminal's Ctrl-C goes to all of it.
  const child = spawn(command, args, { env: { ...inherited, ...env }, detached: true })
  running.add(child)
  child.on('exit', () => running.delete(child))
  return new RunningCli(child)
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    return [] // gone meanwhile, or somebody else's
  }
}

afterEach(async () => {
  for (const child of running) {
    const exit = once(child, 'exit')
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      continue // gone already
    }
    if (child.exitCode === null && child.signalCode === null) await exit
  }
  running.clear()
})
