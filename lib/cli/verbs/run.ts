// rollcall run -- CMD: one timer around one command.

import { type Command, Option } from 'commander'
import type { WatchdogQueue } from '../../queue/watchdog-queue'
import type { WatchdogTimer } from '../../queue/worker/timer'
import { defaultId, type QueueOptions, withWaitQueue } from '../parse/queue-flags'
import {
  forwardSignals,
  type KickFlags,
  keepKicking,
  startCommand,
  withKicks,
} from '../support/child-command'
import { isExpected } from '../support/exit-codes'
import { openQueue, withPlaceHint } from '../support/open-queue'
import { note } from '../support/output'

const OWN_FAILURE = 125

interface RunFlags extends QueueOptions, KickFlags {
  id?: string
  onLost: 'keep' | 'kill'
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
    .option('--id <id>', "the timer's id (default: the task of the array job, else host and pid)")
    .addOption(
      new Option('--on-lost <what>', 'when the timer is taken away')
        .choices(['keep', 'kill'])
        .default('keep'),
    )
    .addHelpText(
      'after',
      `
The exit code is the command's own (128 + n for signal n); 125: the timer could not be made, and nothing was run;
126, 127: the command cannot be executed, or was not found.

Example:
  $ sbatch --array=1-100 --wrap 'rollcall run --queue zk://host/jobs/today -- ./piece.sh'`,
    )
  withKicks(withWaitQueue(run)).action(runCommand)
}

async function runCommand(words: string[], flags: RunFlags): Promise<void> {
  let queue: WatchdogQueue
  let timer: WatchdogTimer
  const id = flags.id ?? defaultId()
  try {
    queue = await openQueue(flags)
    timer = await queue.createTimer(id)
  } catch (thrown) {
    const error = withPlaceHint(thrown, flags.queue ?? '')
    if (!isExpected(error)) throw error
    note(`nothing was run: ${error.message}`)
    // A handle that was opened may be what keeps the process.
    process.exit(OWN_FAILURE)
  }
  const running = startCommand(words, { stdin: 'inherit', piped: flags.kickOnOutput ?? false })
  const stopForwarding = forwardSignals(() => [running])
  const follow = (current: WatchdogTimer) => {
    current.signal.addEventListener('abort', () => void lost(current.signal.reason), { once: true })
  }
  let isEnding = false
  const lost = async (reason: Error & { code?: string }) => {
    if (isEnding) return
    note(`lost the timer: ${reason.message}`)
    if (flags.onLost === 'kill') return running.stop()
    if (reason.code !== 'ERR_SESSION_LOST') return
    try {
      timer = await queue.createTimer(id)
      follow(timer)
    } catch (error) {
      note(`cannot make another: ${(error as Error).message}`)
    }
  }
  follow(timer)
  const stopKicking = keepKicking(running.child, flags, () => void timer.kick().catch(() => {}))

  const code = await running.ended
  isEnding = true
  stopKicking()
  stopForwarding()
  await timer
    .end({ status: code === 0 ? 'done' : 'failed', code })
    .catch((error) => note(`cannot report the end: ${error.message}`))
  await queue.close()
  process.exitCode = code
}
