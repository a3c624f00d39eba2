// rollcall run -- CMD: one timer around one command.

import { constants } from 'node:os'
import { type Command, Option } from 'commander'
import type { WatchdogQueue } from '../../queue/watchdog-queue'
import type { WatchdogTimer } from '../../queue/worker/timer'
import { durationFrom } from '../parse/duration'
import { defaultId, type QueueOptions, withWaitQueue } from '../parse/queue-flags'
import { ChildCommand, hearSignals } from '../support/child-command'
import { CommandPlace } from '../support/command-board'
import { isExpected } from '../support/exit-codes'
import { openQueue, withPlaceHint } from '../support/open-queue'
import { note, noteLines } from '../support/output'
import { type KickFlags, SignsOfLife, withKicks } from '../support/signs-of-life'
import { type Ending, StartError, Supervisor } from '../support/supervisor'
import { TimeLimit } from '../support/time-limit'

/** As timeout(1) tells it. */
const TIMED_OUT = 124
const OWN_FAILURE = 125
const CANNOT_EXECUTE = 126
const NOT_FOUND = 127

interface RunFlags extends QueueOptions, KickFlags {
  id?: string
  onLost: 'keep' | 'kill'
  /** Milliseconds. */
  timeout?: number
  killAfter?: number
  keepChildren?: boolean
  board?: string
}

export function registerRun(program: Command): void {
  const run = program
    .command('run')
    .summary('run a command under a watchdog timer')
    .description(
      'Run one command under a timer of its own: alive while it runs, finished or failed as it ends.',
    )
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
  withWaitQueue(run)
    .optionsGroup('Running:')
    .option('--timeout <duration>', 'end a command that runs longer: exit code 124', durationFrom('1ms'))
    .option('--kill-after <duration>', 'kill what does not end when asked (default 10s)', durationFrom('1ms'))
    .option('--keep-children', 'leave alone what the command leaves behind')
    .option('--board <dir>', 'show the command on this board: rollcall top <dir>')
    .optionsGroup('Watchdog:')
    .option('--id <id>', "the timer's id (default: task of the array job, or host and pid)")
    .addOption(
      new Option('--on-lost <what>', 'when the timer is taken away')
        .choices(['keep', 'kill'])
        .default('keep'),
    )
    .addHelpText(
      'after',
      `
The exit code is the command's own (128 + n for signal n); 124: it timed out;
125: the timer could not be made, and nothing was run; 126, 127: the command
cannot be executed, or was not found.

The command is ended with all it has started when rollcall is killed. A sign of
life is that it lives; see --kick-on-output and --kick-file for better ones.

Example:
  $ sbatch --array=1-100 \\
      --wrap 'rollcall run --queue zk://host/jobs/today -- ./piece.sh'`,
    )
  withKicks(run).action(runCommand)
}

async function runCommand(words: string[], flags: RunFlags): Promise<void> {
  let supervisor: Supervisor
  let queue: WatchdogQueue
  let timer: WatchdogTimer
  let place: CommandPlace | undefined
  const id = flags.id ?? defaultId()
  try {
    supervisor = new Supervisor()
    queue = await openQueue(flags)
    if (flags.board !== undefined) place = await CommandPlace.claim(flags.board, id)
    timer = await queue.createTimer(id)
  } catch (thrown) {
    const error = withPlaceHint(thrown, flags.queue ?? '')
    if (!isExpected(error)) throw error
    note(`nothing was run: ${error.message}`)
    // A handle that was opened may be what keeps the process.
    process.exit(OWN_FAILURE)
  }
  const run = new RunOfCommand(queue, timer, id, flags)
  const code = await run.over(supervisor, words, place)
  await supervisor.close()
  place?.close()
  await queue.close()
  process.exitCode = code
}

export class RunOfCommand {
  readonly #queue: WatchdogQueue
  readonly #id: string
  readonly #flags: RunFlags
  #timer: WatchdogTimer
  #isEnding = false

  constructor(queue: WatchdogQueue, timer: WatchdogTimer, id: string, flags: RunFlags) {
    this.#queue = queue
    this.#timer = timer
    this.#id = id
    this.#flags = flags
  }

  /** From the start of the command to the timer's verdict; gives the exit code. */
  async over(supervisor: Supervisor, words: string[], place: CommandPlace | undefined): Promise<number> {
    const signs = new SignsOfLife(this.#flags, {
      timerMs: this.#timer.timerMs,
      kick: () => this.#timer.kick(),
    })
    let code: number
    try {
      code = await this.#runCommand(supervisor, words, signs, place)
    } catch (error) {
      note((error as Error).message)
      if (!(error instanceof StartError) || !error.isOfProgram) code = OWN_FAILURE
      else code = error.code === 'ENOENT' ? NOT_FOUND : CANNOT_EXECUTE
    }
    this.#isEnding = true
    signs.stop()
    await this.#timer
      .end({ status: code === 0 ? 'done' : 'failed', code })
      .catch((error) => note(`cannot report the end: ${error.message}`))
    return code
  }

  async #runCommand(
    supervisor: Supervisor,
    words: string[],
    signs: SignsOfLife,
    place: CommandPlace | undefined,
  ): Promise<number> {
    const { timeout, killAfter, keepChildren = false, kickOnOutput } = this.#flags
    const isForeground = process.stdin.isTTY === true
    const onOutput = (stream: 1 | 2, bytes: Buffer) => {
      signs.output()
      place?.output(bytes)
      ;(stream === 1 ? process.stdout : process.stderr).write(bytes)
    }
    const listens = kickOnOutput || place !== undefined
    const request = { words, stdin: 'inherit' as const, foreground: isForeground, keepChildren }
    place?.begin(words.join(' '), 1)
    const command = new ChildCommand(supervisor, { ...request, ...(listens ? { onOutput } : {}) }, killAfter)
    const stopHearing = hearSignals(
      () => [command],
      (signal) => {
        // The terminal has sent it to the command itself.
        const isFromTerminal = isForeground && (signal === 'SIGINT' || signal === 'SIGQUIT')
        if (!isFromTerminal) command.signal(signal)
      },
    )
    this.#follow(this.#timer, command)
    const limit = new TimeLimit(command, timeout)
    try {
      return this.#exitCode(await command.ended, command, limit)
    } finally {
      limit.clear()
      stopHearing()
      place?.end()
    }
  }

  #exitCode(ending: Ending, command: ChildCommand, { stack }: TimeLimit): number {
    if (command.stopReason !== 'timeout' || ending.code === 0) return ending.code
    note(`timed out after ${this.#flags.timeout! / 1000} s`)
    if (stack.length > 0) noteLines(stack.join('\n'))
    return ending.signal === constants.signals.SIGKILL ? ending.code : TIMED_OUT
  }

  #follow(timer: WatchdogTimer, command: ChildCommand): void {
    const lost = () => void this.#lost(timer.signal.reason, command)
    // It may have gone while the command was being started.
    if (timer.signal.aborted) lost()
    else timer.signal.addEventListener('abort', lost, { once: true })
  }

  async #lost(reason: Error & { code?: string }, command: ChildCommand): Promise<void> {
    if (this.#isEnding) return
    note(`lost the timer: ${reason.message}`)
    if (this.#flags.onLost === 'kill') return command.stop('lost')
    if (reason.code !== 'ERR_SESSION_LOST') return
    try {
      this.#timer = await this.#queue.createTimer(this.#id)
      this.#follow(this.#timer, command)
    } catch (error) {
      note(`cannot make another: ${(error as Error).message}`)
    }
  }
}
