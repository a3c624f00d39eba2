// What the verbs that show a live list take: what to show first, and how it is told when it is not live.

import { type Command, Option } from 'commander'
import { integerFrom } from './arguments'
import { durationFrom } from './duration'

/** Adds what says who counts as blocked. */
export function withBlocked(command: Command): Command {
  return command.option(
    '--blocked <duration>',
    'mark living workers whose event loop has not turned for longer (default: three heartbeats)',
    durationFrom('1ms'),
  )
}

/** Adds the options of a live list that can be sorted by `keys`. @param byDefault left out: that depends */
export function withListOptions(command: Command, keys: readonly string[], byDefault?: string): Command {
  const sort = new Option('-s, --sort <key>', 'what to sort by').choices(keys)
  return command
    .addOption(byDefault === undefined ? sort : sort.default(byDefault))
    .option('-r, --reverse', 'the other way round')
    .option('-f, --filter <words>', 'only workers that have all of these words, and no !word')
    .option('-n, --rounds <n>', 'print so many rounds of plain text, then end', integerFrom(1, 1e9))
    .option('--json', 'print one line of JSON a round')
}
