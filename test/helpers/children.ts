// Child processes of the tests: programs in test/children that talk by messages.

import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
afterEach('end what a test left running', async () => {
  await Promise.all([...running].map((child) => killed(child, 'SIGKILL')))
})

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
}

function ended(child: ChildProcess): Promise<Ended> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode })
  }
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
}

async function killed(child: ChildProcess, signal: NodeJS.Signals): Promise<Ended> {
  const end = ended(child)
  child.kill(signal)
  if (signal === 'SIGKILL') child.kill('SIGCONT')
  return end
}

export class Child<Message> {
  readonly messages: Message[] = []
  readonly process: ChildProcess
  readonly #waiting = new Set<() => void>()
  stderr = ''

  constructor(
    program: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    onMessage?: (message: Message) => void,
  ) {
    const path = join(__dirname, '..', 'children', `${program}.js`)
    this.process = fork(path, args, {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    })
    running.add(this.process)
    this.process.once('exit', () => running.delete(this.process))
    this.process.stderr!.on('data', (chunk) => {
      this.stderr += chunk
    })
    this.process.on('message', (message) => {
      this.messages.push(message as Message)
      onMessage?.(message as Message)
      for (const wake of [...this.#waiting]) wake()
    })
    this.process.once('exit', () => {
      for (const wake of [...this.#waiting]) wake()
    })
  }

  /** The first message, from the start on, that `test` accepts. */
  async message(test: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.messages.find(test)
      if (found !== undefined) return found
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        throw new Error(
          `The child ended (${this.process.exitCode ?? this.process.signalCode}): ${this.stderr}`,
        )
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }

  send(message: unknown): void {
    this.process.send(message as string)
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  ended(): Promise<Ended> {
    return ended(this.process)
  }

  killed(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    return killed(this.process, signal)
  }
}
