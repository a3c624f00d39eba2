// The verb `top`: a board, live. What it does is in top-view.ts, loaded when it runs.

import type { Command } from 'commander'
import { KEYS_HELP } from '../../terminal/live/help'
import { SORT_KEYS } from '../../view/sort-keys'
import { directory } from '../parse/arguments'
import { durationFrom, parseDuration } from '../parse/duration'
import { BOARD_OR_FLEET, type FleetFlags, withFleet } from '../parse/fleet-flags'
import { withBlocked, withListOptions } from '../parse/list-flags'
import { isFleet } from '../support/board-or-fleet'
import { withBoard } from '../support/open-board'
import type { TopOptions } from './top-view'

export function registerTop(program: Command): void {
  const top = program
    .command('top')
    .summary('watch a board or a fleet live')
    .description(
      'Watch all workers of a board, or of all machines of a fleet, live, the dead and the silent ones marked. Plain text when piped.',
    )
    .argument('<dir>', BOARD_OR_FLEET, directory)
    .option('-i, --interval <duration>', 'time between two looks', durationFrom('50ms'), 1000)
    .option(
      '--stale <duration>',
      'mark living workers without a heart that have been silent for longer',
      parseDuration,
      10_000,
    )
  withListOptions(withFleet(withBlocked(withBoard(top))), [...SORT_KEYS, 'machine'])
    .addHelpText(
      'after',
      `
${KEYS_HELP}

Examples:
  $ rollcall top /run/app
  $ rollcall top --sort age --stale 30s /run/app
  $ rollcall top --filter 'POST !/health' /run/app
  $ rollcall top --rounds 1 /run/app > report.txt
  $ rollcall top --label zone=a zk://zk1,zk2/fleet`,
    )
    .action(async (dir: string, options: TopOptions & FleetFlags) =>
      isFleet(dir, options)
        ? (await import('./fleet/top-view.js')).topFleet(dir, options)
        : (await import('./top-view.js')).top(dir, options),
    )
}
