// `--timeout`: ends a command that runs too long. What it was doing then is looked at first: its stack where it is Node.

import type { ChildCommand } from './child-command'

/** How much longer than told a command may live because of the look at it. */
const LOOK_MS = 1000

export class TimeLimit {
  readonly #command: ChildCommand
  readonly #lookMs: number
  readonly #timer: NodeJS.Timeout | undefined
  #lines: readonly string[] = []

  constructor(command: ChildCommand, timeoutMs: number | undefined, lookMs: number = LOOK_MS) {
    this.#command = command
    this.#lookMs = lookMs
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => void this.#over(), timeoutMs)
  }

  /** What it was doing when its time was over, for people; empty: it was not over, or nobody could tell. */
  get stack(): readonly string[] {
    return this.#lines
  }

  clear(): void {
    clearTimeout(this.#timer)
  }

  async #over(): Promise<void> {
    this.#lines = await this.#command.pid.then((pid) => look(pid, this.#lookMs)).catch(() => [])
    this.#command.stop('timeout')
  }
}

async function look(pid: number, timeoutMs: number): Promise<readonly string[]> {
  const [{ stackOfProcess }, { stackLines }] = await Promise.all([
    import('../../why/of-process.js'),
    import('../../why/stack-text.js'),
  ])
  const stack = await stackOfProcess(pid, { timeoutMs })
  return stack.frames === undefined && stack.kernel === undefined ? [] : stackLines(stack)
}
