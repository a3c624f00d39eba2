// What the workers of one `rollcall work` share: the supervisor, the output, what is counted, and when to stop.

import { constants } from 'node:os'
import type { WatchdogQueue } from '../../../queue/watchdog-queue'
import type { LineItem } from '../../parse/items'
import type { ChildCommand } from '../../support/child-command'
import { EXIT } from '../../support/exit-codes'
import { Supervisor } from '../../support/supervisor'
import { Halt } from './halt'
import type { WorkFlags } from './options'
import { Outputs } from './output'
import { Printer } from './printer'
import { JobLog, ResultsFile } from './records'

/** So many failures in a row from the start, while others succeed, tell of this machine. */
const UNFIT_AFTER = 20

export interface Tally {
  done: number
  failed: number
}

export class WorkSession {
  readonly tally: Tally = { done: 0, failed: 0 }
  readonly running = new Set<ChildCommand>()
  readonly printer = new Printer()
  readonly outputs: Outputs
  readonly supervisor: Supervisor
  readonly jobLog: JobLog | undefined
  readonly results: ResultsFile | undefined
  /** Of all items, as last seen. */
  total = 0
  readonly #halt: Halt
  readonly #leasing = new AbortController()
  readonly #interrupted = new AbortController()
  #signal: NodeJS.Signals | undefined
  #heard = 0
  /** What was last sent to all that run. */
  #ending: NodeJS.Signals | undefined
  #exitCode: number | undefined
  #drain: NodeJS.Timeout | undefined
  #nextStart = 0
  #isDoubted = false

  constructor(
    readonly queue: WatchdogQueue<LineItem>,
    readonly words: readonly string[],
    readonly flags: WorkFlags,
  ) {
    this.outputs = new Outputs(flags, this.printer)
    this.#halt = new Halt(flags.halt, () => this.total)
    this.jobLog = flags.joblog === undefined ? undefined : new JobLog(flags.joblog, flags.json ?? false)
    this.results = flags.results === undefined ? undefined : new ResultsFile(flags.results)
    this.supervisor = new Supervisor()
  }

  /** Aborts when no more is to be leased. */
  get leasing(): AbortSignal {
    return this.#leasing.signal
  }

  /** Aborts at the first signal that ends. */
  get interrupted(): AbortSignal {
    return this.#interrupted.signal
  }

  /** What this process has to exit with, whatever became of the items. */
  get exitCode(): number | undefined {
    return this.#signal === undefined ? this.#exitCode : 128 + constants.signals[this.#signal]
  }

  /** Whether this worker is at its end before the queue is. */
  get isStopped(): boolean {
    return this.#leasing.signal.aborted
  }

  /** A signal, or Ctrl-C: the first lets what runs end or asks it to, the second insists, the third kills. */
  readonly hear = (signal: NodeJS.Signals): void => {
    this.#heard++
    this.#signal ??= signal
    this.#interrupted.abort()
    const count = this.running.size
    if (this.#heard > 1) {
      const isLast = this.#heard > 2
      if (count > 0) {
        const how = isLast ? 'killed' : 'asked again (SIGTERM)'
        this.printer.note(`${how} what still runs (${count})${isLast ? '' : '; once more kills'}`)
      }
      this.#end(isLast ? 'SIGKILL' : 'SIGTERM')
      return
    }
    this.#leasing.abort()
    const { drain = 0 } = this.flags
    if (drain === 0) {
      if (count > 0)
        this.printer.note(`asked what still runs (${count}) to end; once more insists, a third time kills`)
      this.#end(signal)
      return
    }
    if (count > 0) {
      this.printer.note(`waiting up to ${drain / 1000} s for what still runs (${count}); once more ends it`)
    }
    this.#drain = setTimeout(() => this.#end('SIGTERM'), drain)
  }

  /** This machine, or this process, is not fit to go on: nothing more is begun here, others may go on. */
  readonly giveUp = (exitCode: number, why: string, options: { endRunning?: boolean } = {}): void => {
    if (this.#exitCode === undefined && !this.isStopped) {
      this.printer.note(`${why}; this worker stops, the item goes back`)
      this.#exitCode = exitCode
    }
    this.#leasing.abort()
    if (options.endRunning) this.#end('SIGTERM')
  }

  /** Something of ours has failed: what runs is ended, its items go back. */
  abandon(): void {
    this.#leasing.abort()
    this.#interrupted.abort()
    this.#end('SIGTERM')
  }

  /** An item has come to its end here, well or not. */
  count(isSuccess: boolean): void {
    if (!this.#halt.add(isSuccess) || this.isStopped) return
    const { when, what, count, isShare } = this.#halt.rule!
    this.printer.note(`halted: ${what}=${count}${isShare ? '%' : ''} is reached`)
    this.#exitCode = what === 'success' ? EXIT.fine : EXIT.failed
    this.#leasing.abort()
    if (when === 'now') this.#end('SIGTERM')
  }

  /** An attempt has failed: is it the items, or this machine? */
  async doubt(): Promise<void> {
    if (this.#isDoubted || this.tally.done > 0 || this.tally.failed < UNFIT_AFTER) return
    this.#isDoubted = true
    const { done } = await this.queue.counts()
    if (done === 0 || this.isStopped) return
    const what = `all of the first ${UNFIT_AFTER} commands failed here, while others have done ${done} items: something is wrong with this machine`
    if (this.flags.halt === undefined) this.printer.note(what)
    else this.giveUp(EXIT.failed, what)
  }

  /** Whether starts are to be apart. */
  get isPaced(): boolean {
    return (this.flags.delay ?? 0) > 0
  }

  /** Waits for this command's turn. */
  async pace(): Promise<void> {
    const { delay = 0 } = this.flags
    const now = performance.now()
    const at = Math.max(now, this.#nextStart)
    this.#nextStart = at + delay
    if (at > now) await new Promise((resolve) => setTimeout(resolve, at - now))
  }

  /** A command runs. What ends all may have come while it was being started. */
  begun(command: ChildCommand): void {
    this.running.add(command)
    if (this.#ending !== undefined) endCommand(command, this.#ending)
  }

  #end(signal: NodeJS.Signals): void {
    clearTimeout(this.#drain)
    this.#ending = signal
    for (const command of this.running) endCommand(command, signal)
  }

  async close(): Promise<void> {
    clearTimeout(this.#drain)
    await this.supervisor.close()
    await this.printer.flushed()
    this.jobLog?.close()
    this.results?.close()
    this.outputs.close()
  }
}

function endCommand(command: ChildCommand, signal: NodeJS.Signals): void {
  if (signal === 'SIGKILL') command.kill('stopped')
  else command.stop('stopped', signal)
}
