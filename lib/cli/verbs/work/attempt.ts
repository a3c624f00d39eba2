// One attempt at one item: the command is started, looked after, and its end becomes an ack, a nack or a release. An
// item is blamed only for what the item did.

import { setTimeout as delay } from 'node:timers/promises'
import type { Lease } from '../../../queue/worker/lease'
import type { WatchdogTimer } from '../../../queue/worker/timer'
import { itemBytes, type LineItem, showItem } from '../../parse/items'
import { ChildCommand } from '../../support/child-command'
import type { CommandPlace } from '../../support/command-board'
import { EXIT } from '../../support/exit-codes'
import { SignsOfLife } from '../../support/signs-of-life'
import { type Ending, StartError } from '../../support/supervisor'
import { TimeLimit } from '../../support/time-limit'
import { lineHint } from './check-command'
import { type CommandLine, commandLine } from './command-line'
import type { AttemptOutput } from './output'
import { OutputClosedError } from './printer'
import { Answer, type AttemptRecord } from './records'
import type { WorkSession } from './session'

const CANNOT_EXECUTE = 126
const NOT_FOUND = 127
/** As a shell tells of a program that wrote to a pipe without a reader. */
const OUTPUT_CLOSED = 141
/** A command that the batch system has ended may be gone before this process has heard of the same signal. */
const HEARD_WITHIN_MS = 250
const SHOWN_ITEM = 200

/** What a command did wrong, for its dead letter: the stack is the command's, not ours. */
class CommandError extends Error {
  constructor(message: string, stack: readonly string[]) {
    super(message)
    this.stack = [message, ...stack].join('\n')
  }
}

export class Attempt {
  readonly #session: WorkSession
  readonly #lease: Lease<LineItem>
  readonly #timer: WatchdogTimer<LineItem>
  readonly #place: CommandPlace | undefined
  readonly #answer = new Answer()
  #received = 0
  /** What the command was doing when its time was over. */
  #stack: readonly string[] = []

  constructor(
    session: WorkSession,
    lease: Lease<LineItem>,
    timer: WatchdogTimer<LineItem>,
    place: CommandPlace | undefined,
  ) {
    this.#session = session
    this.#lease = lease
    this.#timer = timer
    this.#place = place
  }

  /** Resolves when the item is done or given back; throws where the attempt failed. */
  async run(): Promise<void> {
    const session = this.#session
    if (session.isPaced) await session.pace()
    if (session.isStopped) return this.#giveBack()
    const line = commandLine(session.words, this.#lease, session.flags.stdin ?? false)
    if (line === undefined) return this.#tooLong()
    const { outputs } = session
    const output = outputs.isDirect && !this.#isListening ? undefined : outputs.begin(this.#lease)
    const signs = new SignsOfLife(session.flags, this.#timer)
    // Before it starts: its first words may come with the word that it has.
    this.#place?.begin(this.#lease.item, this.#lease.attempt)
    const startedAt = Date.now()
    const begun = performance.now()
    const command = this.#start(line, output, signs)
    let ending: Ending
    try {
      ending = await this.#watch(command)
    } catch (error) {
      output?.discard()
      return this.#notStarted(error, line)
    } finally {
      signs.stop()
    }
    const { code, signal } = ending
    const reason = command.stopReason
    const record = {
      ...{ item: this.#lease.item, id: this.#lease.id, attempt: this.#lease.attempt, words: line.words },
      ...{ startedAt, runtimeMs: performance.now() - begun, code, signal },
      sentBytes: session.flags.stdin ? itemBytes(this.#lease.item).length : 0,
      receivedBytes: this.#received,
      ...(reason === undefined ? {} : { reason }),
      ...(this.#stack.length === 0 ? {} : { stack: this.#stack.join('\n') }),
    }
    await this.#conclude(command, ending, record, output)
  }

  /** Somebody wants to see what it writes, wherever that goes. */
  get #isListening(): boolean {
    const { kickOnOutput, results } = this.#session.flags
    return (kickOnOutput ?? false) || results !== undefined || this.#place !== undefined
  }

  #start(line: CommandLine, output: AttemptOutput | undefined, signs: SignsOfLife): ChildCommand {
    const { flags, supervisor } = this.#session
    const onOutput = (stream: 1 | 2, bytes: Buffer) => {
      if (stream === 1) {
        this.#received += bytes.length
        if (flags.results !== undefined) this.#answer.add(bytes)
      }
      signs.output()
      this.#place?.output(bytes)
      output?.add(stream, bytes)
    }
    const request = {
      words: line.words,
      env: line.env,
      stdin: flags.stdin ? itemBytes(this.#lease.item) : ('ignore' as const),
      keepChildren: flags.keepChildren ?? false,
      ...(output === undefined ? {} : { onOutput }),
    }
    return new ChildCommand(supervisor, request, flags.killAfter)
  }

  async #watch(command: ChildCommand): Promise<Ending> {
    const { running, flags } = this.#session
    // All that takes a lease from a worker of ours takes its timer; a signal of each lease costs more than the rest.
    const { signal } = this.#timer
    const lost = () => command.stop('lost')
    const limit = new TimeLimit(command, flags.timeout)
    this.#session.begun(command)
    signal.addEventListener('abort', lost, { once: true })
    if (signal.aborted) lost()
    try {
      return await command.ended
    } finally {
      limit.clear()
      this.#stack = limit.stack
      signal.removeEventListener('abort', lost)
      running.delete(command)
      this.#place?.end()
    }
  }

  async #conclude(
    command: ChildCommand,
    ending: Ending,
    record: AttemptRecord,
    output: AttemptOutput | undefined,
  ): Promise<void> {
    const reason = command.stopReason
    if (ending.code !== 0 && ending.outputClosed) {
      return this.#unfit(OUTPUT_CLOSED, 'nobody reads the output any more', { endRunning: true })
    }
    if (ending.code !== 0 && (await this.#isOurs(ending, reason))) {
      // Ended by our own wish: the item is as it was. What it has said may tell why it did not finish.
      await output?.finish(true).catch(() => {})
      return this.#giveBack()
    }
    const failure = this.#failure(ending, reason)
    const isLast = failure === undefined || this.#lease.isLastAttempt
    try {
      await output?.finish(isLast)
      if (failure === undefined) this.#session.results?.add(record, this.#answer)
    } catch (error) {
      return this.#lostOutput(error)
    }
    this.#log(record)
    if (failure === undefined) {
      this.#session.tally.done++
      this.#session.count(true)
      return
    }
    await this.#fail(failure, isLast, reason === 'lost')
  }

  async #fail(failure: string, isLast: boolean, isLost: boolean): Promise<void> {
    const session = this.#session
    session.tally.failed++
    if (isLast) session.count(false)
    await session.doubt().catch(() => {})
    if (!isLost) throw new CommandError(failure, this.#stack)
    session.printer.note(`${failure}: ${showItem(this.#lease.item).slice(0, SHOWN_ITEM)}`)
    return this.#giveBack()
  }

  /** Undefined: it has done what it should. */
  #failure({ code, signal }: Ending, reason: ChildCommand['stopReason']): string | undefined {
    if (reason === 'timeout') return `timed out after ${this.#session.flags.timeout! / 1000} s`
    // Whether or not it was done in the end, another may have the item.
    if (reason === 'lost') return 'ended a command whose lease was taken away (no sign of life in time?)'
    if (code === 0) return undefined
    return signal > 0 ? `killed by signal ${signal}` : `exit code ${code}`
  }

  /** Whether it has not ended well because we, or whoever ended us, wanted it to. */
  async #isOurs({ signal }: Ending, reason: ChildCommand['stopReason']): Promise<boolean> {
    if (reason !== undefined) return reason === 'stopped'
    const { interrupted, flags } = this.#session
    if (signal === 0) return interrupted.aborted && !flags.drain
    if (!interrupted.aborted) await delay(HEARD_WITHIN_MS, undefined, { signal: interrupted }).catch(() => {})
    return interrupted.aborted
  }

  #log(record: AttemptRecord): void {
    try {
      this.#session.jobLog?.add(record)
    } catch (error) {
      // What the command did is done; without its log nobody would know what else is.
      this.#session.giveUp(EXIT.io, (error as Error).message)
    }
  }

  #lostOutput(error: unknown): Promise<void> {
    if (error instanceof OutputClosedError) {
      return this.#unfit(OUTPUT_CLOSED, 'nobody reads the output any more', { endRunning: true })
    }
    return this.#unfit(EXIT.io, `cannot keep the output of commands: ${(error as Error).message}`)
  }

  #tooLong(): Promise<void> {
    const shown = showItem(this.#lease.item).slice(0, 40)
    return this.#unfit(
      EXIT.badData,
      `item ${this.#lease.id} (${shown}...) is too long for an argument, use --stdin`,
    )
  }

  async #notStarted(error: unknown, line: CommandLine): Promise<void> {
    if (!(error instanceof StartError)) return this.#unfit(EXIT.system, (error as Error).message)
    if (error.code === 'E2BIG') return this.#tooLong()
    if (!error.isOfProgram) return this.#unfit(EXIT.system, error.message)
    const hint = error.code === 'ENOENT' ? lineHint(this.#session.words) : undefined
    if (!line.isProgramOfItem || hint !== undefined) {
      const why = hint === undefined ? error.message : `${error.message}; ${hint}`
      return this.#unfit(error.code === 'ENOENT' ? NOT_FOUND : CANNOT_EXECUTE, why)
    }
    await this.#fail(error.message, this.#lease.isLastAttempt, false)
  }

  async #unfit(code: number, why: string, options: { endRunning?: boolean } = {}): Promise<void> {
    this.#session.giveUp(code, why, options)
    await this.#giveBack()
  }

  async #giveBack(): Promise<void> {
    try {
      await this.#lease.release()
    } catch (error) {
      if (!NOT_OURS.has((error as { code?: string }).code)) throw error
    }
  }
}

/** What says that the item is out of our hands already. */
const NOT_OURS: ReadonlySet<string | undefined> = new Set(['ERR_LEASE_LOST', 'ERR_AMBIGUOUS'])
