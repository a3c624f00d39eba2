// The verbs whose answer is their exit code: consume, wait-sync, wait.

import type { Command } from 'commander'
import { culpritsFirst, troubled } from '../../../queue/timer-report'
import type { DoneReport } from '../../../queue/types'
import type { WatchdogQueue } from '../../../queue/watchdog-queue'
import { WatchdogError } from '../../../util/errors'
import { escapeControls } from '../../../view/escape-controls'
import { durationFrom } from '../../parse/duration'
import { itemBytes, jsonItem, showItem } from '../../parse/items'
import { withWaitQueue } from '../../parse/queue-flags'
import { CliError, EXIT } from '../../support/exit-codes'
import { useQueue } from '../../support/open-queue'
import { note, print } from '../../support/output'
import { StopSignal } from '../../support/stop-signal'
import { describeTimer, type QueueFlags, verb } from './verb'

const EMPTY_NOW = 4
const FINISHED_FOR_EVER = 5
const PROGRESS_MS = 1000
const MIN_LOOK_MS = 50
/** When somebody who waits in vain hears of it. */
const HINT_MS = 30_000

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
    .option('--items', 'for the items alone: what became of the workers does not matter')
    .option('--timeout <duration>', 'how long (default: for ever)', durationFrom('0ms'))
    .option(
      '--give-up <duration>',
      'when items are left and no worker was alive for so long',
      durationFrom('0ms'),
    )
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Exit codes: 0 all done; 1 dead items (here, or in a queue that this one comes
after) or failed workers; 2 time-out; 3 hung or
died workers, or given up.`,
    )
    .action(wait)
}

async function consume(handle: WatchdogQueue, { json }: QueueFlags): Promise<void> {
  const item = await handle.consume()
  if (item !== undefined) {
    // A pipe gets the item as it is; a terminal would obey what is in it.
    if (json) return print(JSON.stringify(jsonItem(item)))
    if (process.stdout.isTTY) return print(escapeControls(showItem(item)))
    process.stdout.write(Buffer.concat([itemBytes(item), Buffer.of(0x0a)]))
    return
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

interface WaitFlags extends QueueFlags {
  items?: boolean
  /** Milliseconds. */
  timeout?: number
  giveUp?: number
}

async function wait(options: WaitFlags): Promise<void> {
  using stop = new StopSignal()
  await useQueue(options, async (handle) => {
    const endProgress = showProgress(handle)
    const workers = !options.items
    const watch = new AbandonedWatch(handle, options.giveUp)
    try {
      const signal = AbortSignal.any([stop.signal, watch.signal])
      const report = await handle.waitDone({ workers, timeoutMs: options.timeout, signal })
      endProgress()
      showReport(report, options)
      process.exitCode = codeOf(report, workers)
      if (process.exitCode !== EXIT.fine && codeOf(report, false) === EXIT.fine && report.done > 0)
        note('all items are done; --items asks for them alone, whatever became of the workers')
    } catch (error) {
      endProgress()
      if (watch.signal.aborted) throw new CliError(EXIT.hung, (watch.signal.reason as Error).message)
      if (stop.signal.aborted) process.exitCode = stop.exitCode || 130
      else if (error instanceof WatchdogError && error.code === 'ERR_TIMEOUT') {
        if (error.report !== undefined) showReport(error.report as DoneReport, options)
        throw new CliError(EXIT.timeout, error.message)
      } else throw error
    } finally {
      watch.stop()
    }
  })
}

/** Looks whether anybody is there who could do what is left. */
class AbandonedWatch {
  readonly #abort = new AbortController()
  readonly #timer: NodeJS.Timeout
  #lonelySince: number | undefined
  #hasHinted = false

  constructor(handle: WatchdogQueue, giveUpMs: number | undefined) {
    const everyMs = Math.min(PROGRESS_MS, Math.max(MIN_LOOK_MS, giveUpMs ?? PROGRESS_MS))
    this.#timer = setInterval(() => void this.#look(handle, giveUpMs).catch(() => {}), everyMs)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  async #look(handle: WatchdogQueue, giveUpMs: number | undefined): Promise<void> {
    const [{ ready, leased, delayed }, { alive }] = await Promise.all([handle.counts(), handle.checkTimers()])
    const left = ready + leased + delayed
    if (alive > 0 || left === 0) {
      this.#lonelySince = undefined
      return
    }
    this.#lonelySince ??= performance.now()
    const lonelyMs = performance.now() - this.#lonelySince
    const what = `${left} items are left, and no worker has been alive for ${Math.round(lonelyMs / 1000)} s`
    if (giveUpMs !== undefined) {
      if (lonelyMs >= giveUpMs) this.#abort.abort(new Error(`Given up: ${what}`))
    } else if (lonelyMs >= HINT_MS && !this.#hasHinted) {
      this.#hasHinted = true
      note(`${what}; still waiting for one (--give-up 10m ends such a wait)`)
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** A preempted worker whose items others have finished is no failure where the items alone count. */
function codeOf(report: DoneReport, withWorkers: boolean): number {
  if (report.blocked !== undefined) return EXIT.failed
  if (!withWorkers) return report.dead === 0 ? EXIT.fine : EXIT.failed
  if (troubled(report.workers).some(({ state }) => state !== 'failed')) return EXIT.hung
  return report.ok ? EXIT.fine : EXIT.failed
}

function showReport(report: DoneReport, { json }: QueueFlags): void {
  if (json) {
    print(JSON.stringify(report))
    return
  }
  if (report.blocked !== undefined) {
    const urls = report.blocked.map(escapeControls).join(' and ')
    print(
      `blocked: items are dead in ${urls}, which this queue comes after; rollcall queue dead --redrive tries them again`,
    )
  }
  print(`${report.done} items done, ${report.dead} dead; ${report.workers.length} workers`)
  for (const timer of culpritsFirst(troubled(report.workers))) print(describeTimer(timer))
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
