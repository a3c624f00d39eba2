// rollcall work -j N -- CMD {}: leases items and runs a command for each, N at a time.

import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import type { WatchdogQueue } from '../../queue/watchdog-queue'
import type { Lease } from '../../queue/worker/lease'
import type { WatchdogTimer } from '../../queue/worker/timer'
import type { WatchdogError } from '../../util/errors'
import { integerFrom } from '../parse/arguments'
import { readItems, showItem } from '../parse/items'
import { defaultId, type QueueOptions, withWaitQueue } from '../parse/queue-flags'
import {
  forwardSignals,
  type KickFlags,
  keepKicking,
  type Running,
  startCommand,
  withKicks,
} from '../support/child-command'
import { EXIT } from '../support/exit-codes'
import { useQueue } from '../support/open-queue'
import { note, print } from '../support/output'
import { showProgress, summarizeFailures } from './work-progress'

const PLACE = '{}'
const MAX_JOBS = 1000
/** A command that Ctrl-C has ended may be gone before this process has heard of the same Ctrl-C. */
const HEARD_WITHIN_MS = 250

interface WorkFlags extends QueueOptions, KickFlags {
  jobs: number
  argFile?: string
  null?: boolean
  attempts: number
  until: 'done' | 'empty'
  id?: string
  json?: boolean
}

interface Tally {
  done: number
  failed: number
}

export function registerWork(program: Command): void {
  const work = program
    .command('work')
    .summary('run a command for every item of a queue')
    .description(
      `Lease items and run a command for each: done when it exits with 0, tried again when not. ${PLACE} is replaced by the item, without a shell; where there is none, the item comes last.`,
    )
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
    .option('-j, --jobs <n>', 'how many at a time', integerFrom(1, MAX_JOBS), 1)
    .option(
      '-a, --arg-file <file>',
      'make the queue of the lines of this file, - for standard input, unless it is there: then go on with it (default queue: <file>.queue)',
    )
    .option('-0, --null', 'the items of --arg-file end with NUL, not with the line')
    .option('--attempts <n>', 'with --arg-file: how often an item is tried', integerFrom(1, 1000), 3)
    .addOption(new Option('--until <end>', 'when to end').choices(['done', 'empty']).default('done'))
    .option('--id <id>', "the timers' id (default: the task of the array job, else host and pid)")
    .option('--json', 'print {"done":N,"failed":N} at the end')
    .addHelpText(
      'after',
      `
The command sees ROLLCALL_ITEM, ROLLCALL_ID, ROLLCALL_ATTEMPT and ROLLCALL_FENCE. When its lease is lost, it is ended.
A terminal shows how far it is. Stopped by Ctrl-C, a crash or a power cut, the same command goes on where it was.
A second Ctrl-C ends commands that take no notice of the first; a third kills them.
Exit codes: 0 fine; 1 some items are dead.

Examples:
  $ rollcall work -j 4 --arg-file files.txt -- gzip -9 {}
  $ rollcall work -j 4 --queue /run/app/jobs -- gzip -9 {}
  $ rollcall work -j 4 --queue zk://host/jobs/today -- gzip -9 {}`,
    )
  withKicks(withWaitQueue(work)).action(work_)
}

/** Makes the queue of a file's lines, or takes up the one that is there. */
async function fill(queue: WatchdogQueue, flags: WorkFlags): Promise<void> {
  const items = readItems(flags.argFile!, flags.null ?? false)
  await queue.createQueue({ queue: items, maxAttempts: flags.attempts, ifExists: 'attach' })
  const { total, done, dead } = await queue.counts()
  if (total === 0 || done + dead < total) return
  note(
    `nothing is left of the ${total} items of ${flags.queue}; to do them again: rollcall queue destroy --queue ${flags.queue}`,
  )
}

async function work_(words: string[], flags: WorkFlags): Promise<void> {
  if (flags.argFile !== undefined && flags.argFile !== '-') flags.queue ??= `${flags.argFile}.queue`
  const running = new Set<Running>()
  const stop = new AbortController()
  let heard: NodeJS.Signals | undefined
  const stopForwarding = forwardSignals(
    () => running,
    (signal) => {
      if (signal === 'SIGUSR1' || signal === 'SIGUSR2') return
      if (heard !== undefined) {
        for (const job of running) job.stop()
        return
      }
      heard = signal
      stop.abort()
      if (running.size > 0) note(`waiting for what still runs (${running.size}); once more ends it`)
    },
  )
  try {
    await useQueue(flags, async (queue) => {
      if (flags.argFile !== undefined) await fill(queue, flags)
      const tally: Tally = { done: 0, failed: 0 }
      const id = flags.id ?? defaultId()
      const hideProgress = showProgress(queue)
      const ids = Array.from({ length: flags.jobs }, (_, i) => (flags.jobs === 1 ? id : `${id}.${i + 1}`))
      const shift = { tally, running, signal: stop.signal }
      await Promise.all(ids.map((one) => workAs(queue, one, words, flags, shift))).finally(hideProgress)
      if (flags.json) print(JSON.stringify(tally))
      else note(`${tally.done} done, ${tally.failed} failed attempts`)
      if (!stop.signal.aborted && (await summarizeFailures(queue)) > 0) process.exitCode = EXIT.failed
    })
  } finally {
    stopForwarding()
  }
  if (heard !== undefined) process.exitCode = 128 + constants.signals[heard]
}

interface Shift {
  tally: Tally
  running: Set<Running>
  signal: AbortSignal
}

/** One of the N workers; a lost session costs it its timer, not its job. */
async function workAs(
  queue: WatchdogQueue,
  id: string,
  words: string[],
  flags: WorkFlags,
  shift: Shift,
): Promise<void> {
  for (;;) {
    const timer = await queue.createTimer(id)
    try {
      await timer.run((lease) => runFor(lease, timer, words, flags, shift), {
        until: flags.until,
        signal: shift.signal,
      })
      return await timer.end()
    } catch (error) {
      if (shift.signal.aborted) return timer.end({ status: 'failed' })
      if ((error as WatchdogError).code !== 'ERR_SESSION_LOST') throw error
      note(`${id}: the session was lost, going on with a new one`)
    }
  }
}

async function runFor(
  lease: Lease<string>,
  timer: WatchdogTimer,
  words: string[],
  flags: WorkFlags,
  shift: Shift,
): Promise<void> {
  const item = showItem(lease.item)
  const hasPlace = words.some((word) => word.includes(PLACE))
  const command = hasPlace ? words.map((word) => word.replaceAll(PLACE, () => item)) : [...words, item]
  const env = {
    ROLLCALL_ITEM: item,
    ROLLCALL_ID: lease.id,
    ROLLCALL_ATTEMPT: String(lease.attempt),
    ROLLCALL_FENCE: String(lease.fence),
  }
  const job = startCommand(command, { stdin: 'ignore', piped: flags.kickOnOutput ?? false, env })
  shift.running.add(job)
  lease.signal.addEventListener('abort', job.stop, { once: true })
  const stopKicking = keepKicking(job.child, flags, () => void timer.kick().catch(() => {}))
  const code = await job.ended
  stopKicking()
  shift.running.delete(job)
  lease.signal.removeEventListener('abort', job.stop)
  if (code === 0) {
    shift.tally.done++
    return
  }
  if (await isStopped(shift.signal, code)) {
    // Ended by our own wish: the item is as it was.
    await lease.release()
    return
  }
  shift.tally.failed++
  throw new Error(`exit code ${code}`)
}

async function isStopped(signal: AbortSignal, code: number): Promise<boolean> {
  const bySignal = code > 128
  if (bySignal && !signal.aborted) await delay(HEARD_WITHIN_MS, undefined, { signal }).catch(() => {})
  return signal.aborted
}
