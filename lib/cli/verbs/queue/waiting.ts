// The verbs whose answer is their exit code: consume, wait-sync, wait.

import type { Command } from 'commander'
import { troubled } from '../../../queue/timer-report'
import type { DoneReport } from '../../../queue/types'
import type { WatchdogQueue } from '../../../queue/watchdog-queue'
import { WatchdogError } from '../../../util/errors'
import { escapeControls } from '../../../view/escape-controls'
import { durationFrom } from '../../parse/duration'
import { jsonItem, showItem } from '../../parse/items'
import { withWaitQueue } from '../../parse/queue-flags'
import { CliError, EXIT } from '../../support/exit-codes'
import { useQueue } from '../../support/open-queue'
import { print } from '../../support/output'
import { StopSignal } from '../../support/stop-signal'
import { describeTimer, type QueueFlags, verb } from './verb'

const EMPTY_NOW = 4
const FINISHED_FOR_EVER = 5
const PROGRESS_MS = 1000

export function registerWaiting(queue: Command): void {
  withWaitQueue(
    verb(
      queue,
      'consume',
      'take one item for good and print it',
      'item=$(rollcall queue consume --queue /run/app/jobs) || exit',
    ),
  )
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 an item; 4 none now, others are at work on theirs; 5 none ever again.',
    )
    .action((options: QueueFlags) => useQueue(options, (handle) => consume(handle, options)))
  withWaitQueue(
    verb(
      queue,
      'wait-sync',
      'wait until the first worker has started',
      'rollcall queue wait-sync --timeout 10m --queue /run/app/jobs',
    ),
  )
    .option('--timeout <duration>', 'how long (default: for ever); then exit code 2', durationFrom('0ms'))
    .action((options: QueueFlags & { timeout?: number }) =>
      useQueue(options, async (handle) => {
        if (!(await handle.waitSync({ timeoutMs: options.timeout })))
          throw new CliError(EXIT.timeout, 'No worker has started in time')
      }),
    )
  withWaitQueue(
    verb(
      queue,
      'wait',
      'wait until items and workers are done',
      'rollcall queue wait --timeout 12h --queue /run/app/jobs && next-step',
    ),
  )
    .option('--timeout <duration>', 'how long (default: for ever)', durationFrom('0ms'))
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 all done; 1 dead items or failed workers; 2 time-out; 3 hung or died workers.',
    )
    .action(wait)
}

async function consume(handle: WatchdogQueue, { json }: QueueFlags): Promise<void> {
  const item = await handle.consume()
  if (item !== undefined) {
    // A pipe gets the item as it is; a terminal would obey what is in it.
    const text = process.stdout.isTTY ? escapeControls(showItem(item)) : showItem(item)
    return print(json ? JSON.stringify(jsonItem(item)) : text)
  }
  const done = await handle.waitDone({ timeoutMs: 0 }).then(
    () => true,
    (error: WatchdogError) => {
      if (error.code !== 'ERR_TIMEOUT') throw error
      return false
    },
  )
  process.exitCode = done ? FINISHED_FOR_EVER : EMPTY_NOW
}

async function wait(options: QueueFlags & { timeout?: number }): Promise<void> {
  using stop = new StopSignal()
  await useQueue(options, async (handle) => {
    const endProgress = showProgress(handle)
    try {
      const report = await handle.waitDone({ workers: true, timeoutMs: options.timeout, signal: stop.signal })
      endProgress()
      showReport(report, options)
      process.exitCode = codeOf(report)
    } catch (error) {
      endProgress()
      if (stop.signal.aborted) process.exitCode = stop.exitCode || 130
      else if (error instanceof WatchdogError && error.code === 'ERR_TIMEOUT') {
        if (error.report !== undefined) showReport(error.report as DoneReport, options)
        throw new CliError(EXIT.timeout, error.message)
      } else throw error
    }
  })
}

function codeOf(report: DoneReport): number {
  if (troubled(report.workers).some(({ state }) => state !== 'failed')) return EXIT.hung
  return report.ok ? EXIT.fine : EXIT.failed
}

function showReport(report: DoneReport, { json }: QueueFlags): void {
  if (json) {
    print(JSON.stringify(report))
    return
  }
  print(`${report.done} items done, ${report.dead} dead; ${report.workers.length} workers`)
  for (const timer of troubled(report.workers)) print(describeTimer(timer))
}

/** One line on a terminal, kept up to date while the master waits. */
function showProgress(handle: WatchdogQueue): () => void {
  if (!process.stderr.isTTY) return () => {}
  const show = async () => {
    const [items, timers] = await Promise.all([handle.counts(), handle.checkTimers()])
    const line = `${items.done + items.dead}/${items.total} items, ${items.leased} at work; ${timers.alive} workers alive, ${timers.expired} silent`
    process.stderr.write(`\r\x1b[K${line}`)
  }
  const timer = setInterval(() => void show().catch(() => {}), PROGRESS_MS)
  return () => {
    clearInterval(timer)
    process.stderr.write('\r\x1b[K')
  }
}
