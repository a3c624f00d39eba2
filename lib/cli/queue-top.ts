// The verb `queue top`: a queue, live. What it does is in queue-top-view.ts, loaded when it runs.

import { type Command, Option } from 'commander'

import { integerFrom } from './arguments'
import { durationFrom } from './duration'
import { KEYS_HELP } from './live/help'
import { withWaitQueue } from './queue-options'
import type { QueueTopOptions } from './queue-top-view'

const SORTS = ['state', 'age', 'running', 'id', 'host'] as const satisfies readonly QueueTopOptions['sort'][]

export function registerQueueTop(queue: Command): void {
  const top = queue
    .command('top')
    .summary('watch a queue live')
    .description(
      'Watch a queue live: how far it is, how fast, how long yet, and what each worker is at. Plain text when piped.',
    )
  withWaitQueue(top)
    .option('-i, --interval <duration>', 'time between two looks', durationFrom('100ms'), 1000)
    .addOption(new Option('-s, --sort <key>', 'what to sort by').choices(SORTS).default('state'))
    .option('-r, --reverse', 'the other way round')
    .option('-f, --filter <words>', 'only workers that have all of these words, and no !word')
    .option('-n, --rounds <n>', 'print so many rounds of plain text, then end', integerFrom(1, 1e9))
    .option('--json', 'print one line of JSON a round')
    .addHelpText(
      'after',
      `
${KEYS_HELP}

Examples:
  $ rollcall queue top --queue /run/app/jobs
  $ rollcall queue top --queue zk://host/jobs/today --filter '!finished'
  $ rollcall queue top --queue /run/app/jobs --rounds 1 --json | jq .timeLeftMs`,
    )
    .action(async (options: QueueTopOptions) => (await import('./queue-top-view.js')).queueTop(options))
}
