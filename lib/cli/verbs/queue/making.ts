// The verbs that change a queue: create, add, seal, destroy.

import { type Command, Option } from 'commander'
import type { BackoffOptions, CreateQueueOptions } from '../../../queue/types'
import { MAX_PRIORITY } from '../../../util/bounds'
import { integerFrom } from '../../parse/arguments'
import { durationFrom } from '../../parse/duration'
import { type LineItem, readItems, showItem } from '../../parse/items'
import { parseExpect, withQueue } from '../../parse/queue-flags'
import { useQueue } from '../../support/open-queue'
import { note, print } from '../../support/output'
import { type QueueFlags, verb } from './verb'

interface CreateFlags extends QueueFlags {
  timer?: number
  syncStart?: boolean
  expect?: number | string[]
  attempts?: number
  /** The older name of the same. */
  maxAttempts?: number
  onExpire?: 'report' | 'requeue'
  ifExists?: 'error' | 'attach' | 'replace'
  unsealed?: boolean
  /** Milliseconds, as the others are. */
  backoff?: number
  backoffMax?: number
  priority?: number
  delay?: number
  results?: boolean
  after?: string[]
  afterDead?: 'wait' | 'run'
  keepDone?: 'counts' | 'all'
  keepMembers?: number
  unique?: boolean
  /** The older name of the same. */
  open?: boolean
  items: string | false
  null?: boolean
}

function itemFlags(command: Command): Command {
  return command
    .option('--items <file>', "where the items are, one a line; '-' is standard input", '-')
    .option('-0, --null', 'items end with NUL, not with the line')
}

function orderFlags(command: Command): Command {
  return command
    .option('--priority <n>', 'of these items: higher first (default 0)', integerFrom(0, MAX_PRIORITY))
    .option('--delay <duration>', 'these items are not taken before', durationFrom('0ms'))
}

/** Options of a queue that is made, beyond those of its timers. */
function keepingFlags(command: Command): Command {
  return command
    .option(
      '--backoff <duration>',
      'pause after a failed attempt: twice as long after each further one',
      durationFrom('1ms'),
    )
    .option('--backoff-max <duration>', 'no longer than that (default 1d)', durationFrom('1ms'))
    .option('--results', 'keep what workers answer, for `queue results`')
    .option('--after <url>', 'no item is taken before that queue is done; may be given again', collect)
    .addOption(
      new Option('--after-dead <what>', 'what a dead item over there means (default wait)').choices([
        'wait',
        'run',
      ]),
    )
    .addOption(
      new Option('--keep-done <what>', 'what stays of items that are done (with --unsealed: counts)').choices(
        ['counts', 'all'],
      ),
    )
    .option('--keep-members <duration>', 'how long workers that have ended are listed', durationFrom('0ms'))
}

function collect(url: string, before: string[] = []): string[] {
  return [...before, url]
}

export function registerMaking(queue: Command): void {
  const create = verb(
    queue,
    'create',
    'create a queue of the items on standard input',
    'ls *.fasta | rollcall queue create --queue /run/app/jobs --timer 5m',
  )
  keepingFlags(orderFlags(itemFlags(withQueue(create))))
    .option('--no-items', 'no items: the workers are the pieces of the job')
    .option(
      '--timer <duration>',
      'a worker that does not kick for so long is expired (default 120s)',
      durationFrom('1ms'),
    )
    .option('--sync-start', 'set a start barrier, for wait-sync')
    .option('--expect <ids>', 'how many workers, or which: 100, 1-100, 0-99%5, a,b,c', parseExpect)
    .option('--attempts <n>', 'failed attempts before an item is dead (default 3)', integerFrom(1, 1000))
    .addOption(new Option('--max-attempts <n>').argParser(integerFrom(1, 1000)).hideHelp())
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
    .option('--unsealed', 'more items will be added, until `seal`')
    .addOption(new Option('--open').hideHelp())
    .option('--json', 'print the counts as JSON')
    .action(create_)
  orderFlags(
    itemFlags(
      withQueue(
        verb(
          queue,
          'add',
          'add the items on standard input to an open queue',
          'ls more/* | rollcall queue add --queue /run/app/jobs',
        ),
      ),
    ),
  )
    .option('--unique', 'an item that the queue has seen before is not added again')
    .action((options: CreateFlags) =>
      useQueue<void, LineItem>(options, async (handle) => {
        const { priority, delay, unique, items, null: isNul } = options
        await handle.add(readItems(items || '-', isNul ?? false), {
          ...(priority === undefined ? {} : { priority }),
          ...(delay === undefined ? {} : { delayMs: delay }),
          ...(unique ? { id: showItem } : {}),
        })
      }),
    )
  withQueue(
    verb(queue, 'seal', 'say that no more items will come', 'rollcall queue seal --queue /run/app/jobs'),
  ).action((options: QueueFlags) => useQueue(options, (handle) => handle.seal()))
  withQueue(
    verb(
      queue,
      'destroy',
      'remove a queue and everything in it',
      'rollcall queue destroy --queue /run/app/jobs',
    ),
  ).action((options: QueueFlags) => useQueue(options, (handle) => handle.destroy()))
}

/** Of the options of a command: a pause, and the longest. */
export function backoffOf(flags: { backoff?: number; backoffMax?: number }): BackoffOptions | undefined {
  if (flags.backoff === undefined) return undefined
  return {
    delayMs: flags.backoff,
    ...(flags.backoffMax === undefined ? {} : { maxDelayMs: flags.backoffMax }),
  }
}

async function create_(flags: CreateFlags): Promise<void> {
  const options: CreateQueueOptions<LineItem> = {
    timerMs: flags.timer,
    syncStart: flags.syncStart,
    expect: flags.expect,
    maxAttempts: flags.attempts ?? flags.maxAttempts,
    onExpire: flags.onExpire,
    ifExists: flags.ifExists,
    sealed: !(flags.unsealed || flags.open),
    priority: flags.priority,
    delayMs: flags.delay,
    backoff: backoffOf(flags),
    results: flags.results,
    after: flags.after,
    afterDead: flags.afterDead,
    keepDone: flags.keepDone,
    keepMembersMs: flags.keepMembers,
  }
  // On a terminal nobody means to type the items. An empty list is a list: its queue is done at once.
  const reads = flags.items !== false && !(flags.items === '-' && process.stdin.isTTY)
  if (reads) options.queue = readItems(flags.items as string, flags.null ?? false)
  await useQueue<void, LineItem>(flags, async (handle) => {
    await handle.createQueue(options)
    const counts = await handle.counts()
    if (flags.json) print(JSON.stringify(counts))
    else if (reads) note(`created with ${counts.total} items`)
    else note('created without items: the workers are the pieces')
  })
}
