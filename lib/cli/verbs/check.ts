// The verb `check`: one line and an exit code, as monitoring wants them. What it does is in check-board.ts.

import { type Command, CommanderError, InvalidArgumentError } from 'commander'
import { directory } from '../parse/arguments'
import { parseDuration } from '../parse/duration'
import { BOARD_OR_FLEET, withLabels } from '../parse/fleet-flags'
import { withQueue } from '../parse/queue-flags'
import { UNKNOWN } from '../support/exit-codes'
import { withBoard } from '../support/open-board'
import type { CheckOptions, Limits } from './check-board'

export function registerCheck(program: Command): void {
  const check = program
    .command('check')
    .summary('judge a board or a fleet for Nagios, systemd, Kubernetes or cron')
    .description(
      'Judge a board or a fleet, and a queue, in one line with performance data, as plug-ins of Nagios do.',
    )
    .argument('<dir>', BOARD_OR_FLEET, directory)
    // To whoever runs a plug-in no other codes mean anything, and the line is all that is shown.
    .exitOverride(({ exitCode, code, message }) => {
      if (exitCode !== 0) console.log(`ROLLCALL UNKNOWN - ${message.replaceAll('\n', ' ')}`)
      throw new CommanderError(exitCode && UNKNOWN, code, message)
    })
  withLabels(withBoard(check))
    .option('--min-live <n>', 'so many workers live (default 1)', limits(count))
    .option(
      '--max-blocked <duration>',
      "for so long a worker's event loop may not turn (default: one that is blocked is a warning)",
      limits(parseDuration),
    )
    .option('--max-dead <n>', 'so many are dead and not cleaned up', limits(count))
    .option('--max-age <duration>', 'so old is the status of anybody who lives', limits(parseDuration))
    .option('--max-lost <n>', 'of a fleet: so many machines are lost (default 0)', limits(count))
    .option('--max-expired <n>', 'so many timers of the queue are expired', limits(count))
    .option('--max-dead-items <n>', 'so many items of the queue have failed for good', limits(count))
  withQueue(check)
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Each limit is one number, beyond which it is critical, or two: --max-dead 5,10 warns beyond 5 and is critical beyond 10, --min-live
5,3 warns below 5 and is critical below 3.

Exit codes: 0 OK, 1 warning, 2 critical, 3 unknown: what cannot be read, or a wrong option.

Examples:
  $ rollcall check /run/app
  $ rollcall check --min-live 4,2 --max-blocked 5s,30s /run/app
  $ rollcall check --max-lost 0,2 --label zone=a zk://zk1,zk2/fleet
  $ rollcall check --queue /run/app/jobs --max-expired 0 --max-dead-items 0,10 /run/app`,
    )
    .action(async (dir: string, options: CheckOptions) =>
      (await import('./check-board.js')).check(dir, options),
    )
}

function count(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number, or two like 5,10.')
}

/** `critical`, or `warning,critical`. */
function limits(parse: (text: string) => number): (text: string) => Limits {
  return (text) => {
    const [first, second, ...more] = text.split(',')
    if (more.length > 0) throw new InvalidArgumentError('Expected one limit, or two: warning,critical.')
    if (second === undefined) return { critical: parse(first!) }
    return { warning: parse(first!), critical: parse(second) }
  }
}
