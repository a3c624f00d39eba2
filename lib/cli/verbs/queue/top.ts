// The verb `queue top`: a queue, live. What it does is in top-view.ts, loaded when it runs.

import type { Command } from 'commander'
import { KEYS_HELP } from '../../../terminal/live/help'
import { durationFrom } from '../../parse/duration'
import { withListOptions } from '../../parse/list-flags'
import { withWaitQueue } from '../../parse/queue-flags'
import type { QueueTopOptions } from './top-view'

const SORTS = ['state', 'age', 'running', 'id', 'host'] as const satisfies readonly QueueTopOptions['sort'][]

export function registerQueueTop(queue: Command): void {
  const top = queue
    .command('top')
    .summary('watch a queue live')
    .description(
      'Watch a queue live: how far it is, how fast, how long yet, and what each worker is at. Plain text when piped.',
    )
  withWaitQueue(top).option(
    '-i, --interval <duration>',
    'time between two looks',
    durationFrom('100ms'),
    1000,
  )
  withListOptions(top, SORTS, 'state')
    .addHelpText(
      'after',
      `
${KEYS_HELP}

Examples:
  $ rollcall queue top --queue /run/app/jobs
  $ rollcall queue top --queue zk://host/jobs/today --filter '!finished'
  $ rollcall queue top --queue /run/app/jobs --rounds 1 --json | jq .timeLeftMs`,
    )
    .action(async (options: QueueTopOptions) => (await import('./top-view.js')).queueTop(options))
}
