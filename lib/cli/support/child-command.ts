// A user's command that runs: how it is ended, by request and by force, and which signals reach it.

import type { CommandRequest, Ending, RunningCommand, Supervisor } from './supervisor'

/** What a command may take to end after it was asked to. */
export const DEFAULT_KILL_AFTER_MS = 10_000

/** Why a command was ended by us. */
export type StopReason = 'timeout' | 'lost' | 'stopped'

export class ChildCommand {
  /** Rejects with a `StartError` where it cannot be started, as `ended` does. */
  readonly pid: Promise<number>
  readonly ended: Promise<Ending>
  readonly #running: RunningCommand
  readonly #killAfterMs: number
  #stopReason: StopReason | undefined
  #forced: NodeJS.Timeout | undefined
  #hasEnded = false

  constructor(supervisor: Supervisor, request: CommandRequest, killAfterMs: number = DEFAULT_KILL_AFTER_MS) {
    this.#running = supervisor.start(request)
    this.pid = this.#running.pid
    this.#killAfterMs = killAfterMs
    this.ended = this.#running.ended.finally(() => {
      this.#hasEnded = true
      clearTimeout(this.#forced)
    })
    this.ended.catch(() => {})
  }

  /** Why it was asked to end, if it was. */
  get stopReason(): StopReason | undefined {
    return this.#stopReason
  }

  /** Passes a signal on, to all of it. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#hasEnded) this.#running.signal(signal)
  }

  /** Asks it to end; kills it when it takes too long. The first reason counts. */
  stop(reason: StopReason, signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#stopReason ??= reason
    if (this.#hasEnded) return
    this.signal(signal)
    this.#forced ??= setTimeout(() => this.signal('SIGKILL'), this.#killAfterMs)
  }

  kill(reason: StopReason): void {
    this.#stopReason ??= reason
    this.signal('SIGKILL')
  }
}

const NOT_ENDS = ['SIGUSR1', 'SIGUSR2'] as const
const ENDS = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const

/**
 * Hears the signals of this process: those that end are given to `onEnd`, others passed on. Ctrl-Z stops the
 * commands and then this process, and `fg` lets both go on. Returns what ends that.
 */
export function hearSignals(
  commands: () => Iterable<ChildCommand>,
  onEnd: (signal: NodeJS.Signals) => void,
): () => void {
  const pass = (signal: NodeJS.Signals) => {
    for (const command of commands()) command.signal(signal)
  }
  const suspend = () => {
    pass('SIGSTOP')
    process.kill(process.pid, 'SIGSTOP')
  }
  const resume = () => pass('SIGCONT')
  for (const signal of NOT_ENDS) process.on(signal, pass)
  for (const signal of ENDS) process.on(signal, onEnd)
  process.on('SIGTSTP', suspend)
  process.on('SIGCONT', resume)
  return () => {
    for (const signal of NOT_ENDS) process.off(signal, pass)
    for (const signal of ENDS) process.off(signal, onEnd)
    process.off('SIGTSTP', suspend)
    process.off('SIGCONT', resume)
  }
}
