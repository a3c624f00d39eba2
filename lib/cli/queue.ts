// The verbs of a queue's master, and of whoever looks at one: rollcall queue ...

import { type Command, Option } from 'commander'
import { WatchdogError } from '../errors'
import { harmless } from '../status/harmless'
import type { CreateQueueOptions, DoneReport, TimerInfo } from '../watchdog/types'
import type { WatchdogQueue } from '../watchdog/watchdog-queue'
import { integerFrom } from './arguments'
import { durationFrom } from './duration'
import { CliError, EXIT } from './exit-codes'
import { jsonItem, readItems, showItem } from './items'
import { note, print } from './output'
import { parseExpect, type QueueOptions, useQueue, withQueue, withWaitQueue } from './queue-options'
import { registerQueueTop } from './queue-top'
import { StopSignal } from './stop-signal'

const EMPTY_NOW = 4
const FINISHED_FOR_EVER = 5
const PROGRESS_MS = 1000

interface JsonOption {
  json?: boolean
}
type Options = QueueOptions & JsonOption

interface CreateFlags extends Options {
  timer?: number
  syncStart?: boolean
  expect?: number | string[]
  maxAttempts?: number
  onExpire?: 'report' | 'requeue'
  ifExists?: 'error' | 'attach' | 'replace'
  open?: boolean
  items: string | false
  null?: boolean
}

export function registerQueue(program: Command): void {
  const queue = program
    .command('queue')
    .summary('make, watch and end a queue that workers share')
    .description('Make, watch and end a queue that workers on many machines share.')
  registerMaking(queue)
  registerLooking(queue)
  registerQueueTop(queue)
  registerWaiting(queue)
}

function verb(queue: Command, name: string, summary: string, example: string): Command {
  return queue
    .command(name)
    .summary(summary)
    .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)
    .addHelpText('after', `\nExample:\n  $ ${example}`)
}

function itemFlags(command: Command): Command {
  return command
    .option('--items <file>', "where the items are, one a line; '-' is standard input", '-')
    .option('-0, --null', 'items end with NUL, not with the line')
}

function registerMaking(queue: Command): void {
  const create = verb(
    queue,
    'create',
    'create a queue of the items on standard input',
    'ls *.fasta | rollcall queue create --queue /run/app/jobs --timer 5m',
  )
  itemFlags(withQueue(create))
    .option('--no-items', 'no items: the workers are the pieces of the job')
    .option(
      '--timer <duration>',
      'a worker that does not kick for so long is expired (default 120s)',
      durationFrom('1ms'),
    )
    .option('--sync-start', 'set a start barrier, for wait-sync')
    .option('--expect <ids>', 'how many workers, or which: 100, 1-100, 0-99%5, a,b,c', parseExpect)
    .option('--max-attempts <n>', 'failed attempts before an item is dead (default 3)', integerFrom(1, 1000))
    .addOption(
      new Option('--on-expire <what>', 'what happens to what a silent worker holds').choices([
        'report',
        'requeue',
      ]),
    )
    .addOption(
      new Option('--if-exists <what>', 'what to do about a queue that is there').choices([
        'error',
        'attach',
        'replace',
      ]),
    )
    .option('--open', 'more items will be added, until `seal`')
    .option('--json', 'print the counts as JSON')
    .action(create_)
  itemFlags(
    withQueue(
      verb(
        queue,
        'add',
        'add the items on standard input to an open queue',
        'ls more/* | rollcall queue add --queue /run/app/jobs',
      ),
    ),
  ).action((options: CreateFlags) =>
    useQueue(options, (handle) => handle.add(readItems(options.items || '-', options.null ?? false))),
  )
  withQueue(
    verb(queue, 'seal', 'say that no more items will come', 'rollcall queue seal --queue /run/app/jobs'),
  ).action((options: Options) => useQueue(options, (handle) => handle.seal()))
  withQueue(
    verb(
      queue,
      'destroy',
      'remove a queue and everything in it',
      'rollcall queue destroy --queue /run/app/jobs',
    ),
  ).action((options: Options) => useQueue(options, (handle) => handle.destroy()))
}

async function create_(flags: CreateFlags): Promise<void> {
  const options: CreateQueueOptions = {
    timerMs: flags.timer,
    syncStart: flags.syncStart,
    expect: flags.expect,
    maxAttempts: flags.maxAttempts,
    onExpire: flags.onExpire,
    ifExists: flags.ifExists,
    sealed: !flags.open,
  }
  // On a terminal nobody means to type the items; without any, the workers are the pieces.
  const reads = flags.items !== false && !(flags.items === '-' && process.stdin.isTTY)
  const items = reads ? readItems(flags.items as string, flags.null ?? false) : undefined
  const first = await items?.next()
  if (items !== undefined && !first!.done) {
    options.queue = (async function* () {
      yield first!.value as string
      yield* items
    })()
  }
  await useQueue(flags, async (handle) => {
    await handle.createQueue(options)
    const counts = await handle.counts()
    if (flags.json) print(JSON.stringify(counts))
    else note(`created with ${counts.total} items`)
  })
}

function registerLooking(queue: Command): void {
  withWaitQueue(
    verb(
      queue,
      'count',
      'print how many items nobody has taken yet',
      'rollcall queue count --queue /run/app/jobs',
    ),
  )
    .option('--json', 'print all counts as JSON')
    .action((options: Options) =>
      useQueue(options, async (handle) => {
        const counts = await handle.counts()
        print(options.json ? JSON.stringify(counts) : String(counts.ready))
      }),
    )
  withWaitQueue(
    verb(
      queue,
      'status',
      'print the counts of items and workers',
      'rollcall queue status --queue /run/app/jobs --json',
    ),
  )
    .option('--json', 'print it as JSON')
    .action((options: Options) => useQueue(options, (handle) => status(handle, options)))
  withWaitQueue(
    verb(
      queue,
      'timers',
      'list the workers and what became of them',
      'rollcall queue timers --expired --queue /run/app/jobs',
    ),
  )
    .option('--expired', 'only those that are alive and silent')
    .option('--json', 'print them as JSON')
    .action((options: Options & { expired?: boolean }) =>
      useQueue(options, async (handle) => {
        const timers = await handle.getTimers({ expiredOnly: options.expired ?? false })
        if (options.json) print(JSON.stringify(timers))
        else for (const timer of timers) print(describeTimer(timer))
      }),
    )
  withQueue(
    verb(
      queue,
      'dead',
      'list the items that failed too often',
      'rollcall queue dead --redrive --queue /run/app/jobs',
    ),
  )
    .option('--redrive', 'queue them again, with all their attempts')
    .option('--json', 'print one JSON object a line')
    .action((options: Options & { redrive?: boolean }) =>
      useQueue(options, (handle) => dead(handle, options)),
    )
}

async function status(handle: WatchdogQueue, { json }: Options): Promise<void> {
  const [items, timers] = await Promise.all([handle.counts(), handle.checkTimers()])
  if (json) return print(JSON.stringify({ items, timers }))
  print(
    `items    ${Object.entries(items)
      .map(([name, n]) => `${n} ${name}`)
      .join(', ')}`,
  )
  const { neverStarted, ...others } = timers
  print(
    `workers  ${Object.entries({ ...others, 'never started': neverStarted })
      .map(([name, n]) => `${n} ${name}`)
      .join(', ')}`,
  )
}

async function dead(
  handle: WatchdogQueue,
  { json, redrive }: Options & { redrive?: boolean },
): Promise<void> {
  for await (const letter of handle.deadLetters()) {
    if (json) print(JSON.stringify({ ...letter, item: jsonItem(letter.item) }))
    else
      print(
        `${letter.id}\t${letter.attempts} attempts\t${harmless(showItem(letter.item))}\t${harmless(letter.error?.message ?? 'its worker died')}`,
      )
  }
  if (redrive) note(`queued ${await handle.redrive()} again`)
}

function describeTimer({ id, state, ageMs, host, pid, code }: TimerInfo): string {
  const where = host === undefined ? '' : `\t${harmless(host)} ${pid}`
  const age = ageMs === undefined ? '' : `\tkicked ${(ageMs / 1000).toFixed(1)} s ago`
  return `${harmless(id)}\t${state}${code === undefined ? '' : ` (${code})`}${where}${age}`
}

function registerWaiting(queue: Command): void {
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
    .action((options: Options) => useQueue(options, (handle) => consume(handle, options)))
  withWaitQueue(
    verb(
      queue,
      'wait-sync',
      'wait until the first worker has started',
      'rollcall queue wait-sync --timeout 10m --queue /run/app/jobs',
    ),
  )
    .option('--timeout <duration>', 'how long (default: for ever); then exit code 2', durationFrom('0ms'))
    .action((options: Options & { timeout?: number }) =>
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

async function consume(handle: WatchdogQueue, { json }: Options): Promise<void> {
  const item = await handle.consume()
  if (item !== undefined) {
    // A pipe gets the item as it is; a terminal would obey what is in it.
    const text = process.stdout.isTTY ? harmless(showItem(item)) : showItem(item)
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

async function wait(options: Options & { timeout?: number }): Promise<void> {
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

/** Workers whose work nobody of the same id has done. */
function troubled({ workers }: DoneReport): TimerInfo[] {
  const finished = new Set(workers.filter(({ state }) => state === 'finished').map(({ id }) => id))
  return workers.filter(({ id, state }) => state !== 'alive' && !finished.has(id))
}

function codeOf(report: DoneReport): number {
  if (troubled(report).some(({ state }) => state !== 'failed')) return EXIT.hung
  return report.ok ? EXIT.fine : EXIT.failed
}

function showReport(report: DoneReport, { json }: Options): void {
  if (json) {
    print(JSON.stringify(report))
    return
  }
  print(`${report.done} items done, ${report.dead} dead; ${report.workers.length} workers`)
  for (const timer of troubled(report)) print(describeTimer(timer))
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
