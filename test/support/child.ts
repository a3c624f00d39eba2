// Processes that tests start: real ones, told what to do over IPC, and gone when the test is.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { PROGRAMS } from './paths'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export class Child {
  readonly process: ChildProcess
  readonly exited: Promise<Exit>
  readonly #messages: unknown[] = []
  #wake: (() => void) | undefined
  #hasExited = false

  constructor(process: ChildProcess) {
    this.process = process
    process.on('message', (message) => {
      this.#messages.push(message)
      this.#wake?.()
    })
    this.exited = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        this.#hasExited = true
        resolve({ code, signal })
        this.#wake?.()
      })
    })
  }

  get pid(): number {
    return this.process.pid!
  }

  /** The next message; rejects when the process ends without one. */
  async message<T = unknown>(): Promise<T> {
    while (this.#messages.length === 0) {
      if (this.#hasExited)
        throw new Error(`The child ended without a message: ${JSON.stringify(await this.exited)}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#messages.shift() as T
  }

  /** Sends a request and waits for its answer. */
  async ask<T = unknown>(request: unknown): Promise<T> {
    this.process.send(request as object)
    return this.message<T>()
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  /** Ends the process by a signal and waits until the kernel has buried it. */
  async killed(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.signal(signal)
    return this.exited
  }
}

const running = new Set<ChildProcess>()

/** Starts test/programs/<script> with the given arguments. It is killed after the test, at the latest. */
export function startChild(script: string, ...args: string[]): Child {
  return startChildWith([], script, ...args)
}

/** The same with options of Node's own, which hold in all of its threads. */
export function startChildWith(nodeOptions: readonly string[], script: string, ...args: string[]): Child {
  const execArgv = [...process.execArgv, ...nodeOptions]
  const child = fork(path.join(PROGRAMS, `${script}.js`), args, { serialization: 'advanced', execArgv })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return new Child(child)
}

/** The same, and waits for its first message. */
export async function startReady(script: string, ...args: string[]): Promise<Child> {
  const child = startChild(script, ...args)
  await child.message()
  return child
}

afterEach(async () => {
  await Promise.all(
    [...running].map(async (child) => {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }),
  )
})
