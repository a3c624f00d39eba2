// The verbs that look at a queue: count, status, timers, dead.

import { type Command, Option } from 'commander'
import type { ItemsOptions } from '../../../queue/types'
import type { WatchdogQueue } from '../../../queue/watchdog-queue'
import { escapeControls } from '../../../view/escape-controls'
import { statusText } from '../../../view/text'
import { integerFrom } from '../../parse/arguments'
import { jsonItem, showItem } from '../../parse/items'
import { withQueue, withWaitQueue } from '../../parse/queue-flags'
import { useQueue } from '../../support/open-queue'
import { note, print } from '../../support/output'
import { describeTimer, type QueueFlags, verb } from './verb'

export function registerLooking(queue: Command): void {
  registerItems(queue)
  withWaitQueue(
    verb(
      queue,
      'count',
      'print how many items nobody has taken yet',
      'rollcall queue count --queue /run/app/jobs',
    ),
  )
    .option('--json', 'print all counts as JSON')
    .action((options: QueueFlags) =>
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
    .action((options: QueueFlags) => useQueue(options, (handle) => status(handle, options)))
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
    .action((options: QueueFlags & { expired?: boolean }) =>
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
    .action((options: QueueFlags & { redrive?: boolean }) =>
      useQueue(options, (handle) => dead(handle, options)),
    )
}

function registerItems(queue: Command): void {
  withQueue(
    verb(
      queue,
      'items',
      'list the items and where each of them is',
      'rollcall queue items --state delayed --queue /run/app/jobs',
    ),
  )
    .addOption(
      new Option('--state <state>', 'only those').choices(['ready', 'delayed', 'leased', 'done', 'dead']),
    )
    .option('--limit <n>', 'so many at most', integerFrom(1, Number.MAX_SAFE_INTEGER))
    .option('--json', 'print one JSON object a line')
    .action((options: QueueFlags & ItemsOptions) => useQueue(options, (handle) => items(handle, options)))
  withQueue(
    verb(
      queue,
      'results',
      'print what came of each item that is done, as JSON lines',
      'rollcall queue results --queue /run/app/jobs | jq .result',
    ),
  ).action((options: QueueFlags) =>
    useQueue(options, async (handle) => {
      for await (const result of handle.results())
        print(JSON.stringify({ ...result, item: jsonItem(result.item) }))
    }),
  )
}

async function items(
  handle: WatchdogQueue,
  { json, state, limit }: QueueFlags & ItemsOptions,
): Promise<void> {
  for await (const info of handle.items({ state, limit })) {
    if (json) {
      print(JSON.stringify({ ...info, item: jsonItem(info.item) }))
      continue
    }
    const { id, item, state: where, attempts = 0, worker, notBefore } = info
    const more = [
      attempts > 0 ? `${attempts} failed` : '',
      worker === undefined ? '' : `by ${escapeControls(worker)}`,
      notBefore === undefined ? '' : `not before ${new Date(notBefore).toISOString()}`,
    ].filter((part) => part !== '')
    print(
      `${id}\t${where}\t${statusText(showItem(item), Infinity)}${more.length > 0 ? `\t${more.join(', ')}` : ''}`,
    )
  }
}

async function status(handle: WatchdogQueue, { json }: QueueFlags): Promise<void> {
  const [counts, timers] = await Promise.all([handle.counts(), handle.checkTimers()])
  if (json) return print(JSON.stringify({ items: counts, timers }))
  const { failed, retried, waiting, ...items } = counts
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
  if (waiting !== undefined) print(`waiting  ${waiting} of the ready, for a queue that comes before`)
  if (failed > 0) print(`attempts ${failed} failed, ${retried} of them to be made again`)
}

async function dead(
  handle: WatchdogQueue,
  { json, redrive }: QueueFlags & { redrive?: boolean },
): Promise<void> {
  for await (const letter of handle.deadLetters()) {
    if (json) print(JSON.stringify({ ...letter, item: jsonItem(letter.item) }))
    else
      print(
        `${letter.id}\t${letter.attempts} attempts\t${statusText(showItem(letter.item), Infinity)}\t${statusText(letter.error?.message ?? 'its worker died', Infinity)}`,
      )
  }
  if (redrive) note(`queued ${await handle.redrive()} again`)
}
