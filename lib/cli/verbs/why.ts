// The verbs about one worker that does not go on: `why` shows where it is, `kill` ends it.

import type { Command } from 'commander'
import { directory, integerFrom } from '../parse/arguments'
import { durationFrom } from '../parse/duration'
import { BOARD_OR_FLEET, type FleetFlags, withFleet } from '../parse/fleet-flags'
import { withBlocked } from '../parse/list-flags'
import { isFleet } from '../support/board-or-fleet'
import { withBoard } from '../support/open-board'
import type { KillOptions, WhyOptions } from './why-worker'

export function registerWhy(program: Command): void {
  const why = program
    .command('why')
    .summary('show where a worker hangs')
    .description(
      'Show where a worker is right now: the stack of its JavaScript, though it was not prepared for that and runs nothing else any more; or what the kernel knows of it.',
    )
    .argument('<dir>', BOARD_OR_FLEET, directory)
    .argument('[worker]', 'its id, or its pid; of a fleet, its id or machine/id')
  withFleet(withBlocked(withBoard(why)))
    .option('--all-blocked', 'everybody whose event loop does not turn')
    .option('--samples <n>', 'take so many stacks, a tenth of a second apart', integerFrom(1, 1000), 1)
    .option('--timeout <duration>', 'how long to wait for the process', durationFrom('50ms'), 2000)
    .option('--no-inspector', "leave the process alone: the kernel's view only")
    .option('--json', 'print one JSON object a worker')
    .addHelpText(
      'after',
      `
Linux only, as the worker's user or root. Node's inspector of that process is open to every user of this machine for about a tenth
of a second; the process says "Debugger listening" and "Debugger attached" on its standard error. Nothing is
stopped. Several samples tell an endless loop from one long call. A worker of a fleet
is asked where it runs: for one of another machine it says where to ask.

Exit codes: 0 shown; 66 no such worker; 69 no stack, with the reason; 75 somebody else is at it; 77 permission.

Examples:
  $ rollcall why /run/app web-18
  $ rollcall why --all-blocked /run/app
  $ rollcall why --samples 5 /run/app web-18`,
    )
    .action(async (dir: string, worker: string | undefined, options: WhyOptions & FleetFlags) =>
      isFleet(dir, options)
        ? (await import('./fleet/why.js')).whyFleet(dir, worker, options)
        : (await import('./why-worker.js')).why(dir, worker, options),
    )

  const kill = program
    .command('kill')
    .summary('send a signal to a worker')
    .description(
      'Send a signal to the process of a worker: to that very process, never to another that has its pid by now.',
    )
    .argument('<dir>', 'the directory of the board', directory)
    .argument('<worker>', 'its id, or its pid')
  withBoard(kill)
    .option('-s, --signal <signal>', 'which: TERM, KILL, 9', 'TERM')
    .option(
      '--json',
      'print {"id":"...","pid":N,"signal":"...","blockedForMs":N}, the last of one that is blocked',
    )
    .addHelpText(
      'after',
      `
A worker thread has no process of its own: all of its process gets the signal.

Examples:
  $ rollcall kill /run/app web-18
  $ rollcall kill --signal KILL /run/app web-18`,
    )
    .action(async (dir: string, worker: string, options: KillOptions) =>
      (await import('./why-worker.js')).kill(dir, worker, options),
    )
}
