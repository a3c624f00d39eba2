// The verb `top`: a board, live. What it does is in top-view.ts, loaded when it runs.

import { type Command, Option } from 'commander'

import { SORT_KEYS } from '../status/sort-keys'
import { directory, integerFrom } from './arguments'
import { durationFrom, parseDuration } from './duration'
import { KEYS_HELP } from './live/help'
import type { TopOptions } from './top-view'

export function registerTop(program: Command): void {
  program
    .command('top')
    .summary('watch a board live')
    .description(
      'Watch all workers of a board live, the dead and the silent ones marked. Plain text when piped.',
    )
    .argument('<dir>', 'the directory of the board', directory)
    .option('-i, --interval <duration>', 'time between two looks', durationFrom('50ms'), 1000)
    .option(
      '--stale <duration>',
      'mark living workers that have been silent for longer',
      parseDuration,
      10_000,
    )
    .addOption(new Option('-s, --sort <key>', 'what to sort by').choices(SORT_KEYS).default('slot'))
    .option('-r, --reverse', 'the other way round')
    .option('-f, --filter <words>', 'only workers that have all of these words, and no !word')
    .option('-n, --rounds <n>', 'print so many rounds of plain text, then end', integerFrom(1, 1e9))
    .option('--json', 'print one line of JSON a round')
    .addHelpText(
      'after',
      `
${KEYS_HELP}

Examples:
  $ rollcall top /run/app
  $ rollcall top --sort age --stale 30s /run/app
  $ rollcall top --filter 'POST !/health' /run/app
  $ rollcall top --rounds 1 /run/app > report.txt`,
    )
    .action(async (dir: string, options: TopOptions) => (await import('./top-view.js')).top(dir, options))
}
