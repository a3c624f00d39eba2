// What `rollcall work` does, from the queue to the exit code.

import { join } from 'node:path'
import type { WatchdogQueue } from '../../../queue/watchdog-queue'
import type { LineItem } from '../../parse/items'
import { defaultId } from '../../parse/queue-flags'
import { hearSignals } from '../../support/child-command'
import { CliError, EXIT } from '../../support/exit-codes'
import { useQueue } from '../../support/open-queue'
import { note, print } from '../../support/output'
import { findSupervisor } from '../../support/supervisor-program'
import { temporaryFolder } from '../../support/temporary-folder'
import { checkCommand } from './check-command'
import { shellQuoted } from './command-line'
import { fill } from './fill'
import { joinFleet } from './in-fleet'
import type { WorkFlags } from './options'
import { showProgress, summarizeFailures } from './progress'
import { WorkSession } from './session'
import { Worker } from './worker'

export async function runWork(words: string[], flags: WorkFlags): Promise<void> {
  checkTogether(flags)
  checkCommand(words, flags)
  checkPlaces(words, flags)
  // Before a list is read, which may take long.
  findSupervisor()
  const temporary = chooseQueue(flags)
  try {
    await useQueue<void, LineItem>(flags, async (queue) => {
      if (flags.argFile !== undefined) await fill(queue, words, flags)
      await workOn(queue, words, flags)
    })
  } finally {
    temporary?.remove()
  }
}

const OF_LIST = ['attempts', 'backoff', 'timer', 'onExpire'] as const

function checkTogether(flags: WorkFlags): void {
  const onlyWithList = ['null', 'new', 'retryFailed', 'changeCommand', ...OF_LIST] as const
  const misplaced =
    flags.argFile === undefined ? onlyWithList.find((name) => flags[name] !== undefined) : undefined
  if (misplaced !== undefined) {
    const option = misplaced.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw new CliError(
      EXIT.usage,
      `--${option} is for --arg-file; for a queue that is there say it to rollcall queue`,
    )
  }
  if (flags.new && flags.retryFailed)
    throw new CliError(EXIT.usage, '--new does everything again, --retry-failed only what failed: choose one')
}

function checkPlaces(words: readonly string[], flags: WorkFlags): void {
  if (flags.argFile !== undefined || flags.queue !== undefined) return
  throw new CliError(
    EXIT.usage,
    `Which items? -a FILE takes the lines of a file, -a - those of standard input (... | rollcall work -a - -- ${shellQuoted(words)}), --queue <url> those of a queue, also ROLLCALL_QUEUE`,
  )
}

/** Where the queue of a list is. The directory of one that lives no longer than this command. */
function chooseQueue(flags: WorkFlags): ReturnType<typeof temporaryFolder> | undefined {
  if (flags.argFile === undefined || flags.queue !== undefined) return undefined
  if (flags.argFile !== '-') {
    flags.queue = `${flags.argFile}.queue`
    return undefined
  }
  const folder = temporaryFolder('work')
  flags.queue = join(folder.path, 'queue')
  return folder
}

async function workOn(queue: WatchdogQueue<LineItem>, words: string[], flags: WorkFlags): Promise<void> {
  await using fleet = await joinFleet(words, flags)
  const session = new WorkSession(queue, words, { ...flags, board: fleet.board })
  const stopHearing = hearSignals(() => session.running, session.hear)
  const hideProgress = showProgress(session)
  try {
    const id = flags.id ?? defaultId()
    // The first is the task of an array job by its own name, as `--expect` has it.
    const ids = Array.from({ length: flags.jobs }, (_, i) => (i === 0 ? id : `${id}.${i + 1}`))
    await settleAll(
      ids.map((one) => new Worker(session, one).run()),
      session,
    )
    await session.outputs.flush()
  } finally {
    hideProgress()
    await session.close()
    stopHearing()
  }
  if (flags.json) print(JSON.stringify(session.tally))
  else note(`${session.tally.done} done, ${session.tally.failed} failed attempts`)
  // Halted: what failed is listed as it is without.
  if (session.exitCode === EXIT.failed) await summarizeFailures(queue, flags)
  process.exitCode = session.exitCode ?? (await verdict(queue, flags))
}

/** One that fails stops the others, whose commands may end. */
async function settleAll(workers: readonly Promise<void>[], session: WorkSession): Promise<void> {
  let failure: { error: unknown } | undefined
  await Promise.all(
    workers.map((worker) =>
      worker.catch((error: unknown) => {
        failure ??= { error }
        session.abandon()
      }),
    ),
  )
  if (failure !== undefined) throw failure.error
}

async function verdict(queue: WatchdogQueue<LineItem>, flags: WorkFlags): Promise<number> {
  if ((await summarizeFailures(queue, flags)) > 0) return EXIT.failed
  if (flags.until === 'done') return EXIT.fine
  const { ready, delayed, leased } = await queue.counts()
  const left = ready + delayed + leased
  if (left === 0 || flags.argFile === undefined) return EXIT.fine
  note(
    delayed > 0
      ? `${left} items are left, ${delayed} of them wait for their time`
      : `${left} items are still in the hands of others`,
  )
  return EXIT.tryAgain
}
