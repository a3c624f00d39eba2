// rollcall work -j N -- CMD {}: leases items and runs a command for each, N at a time. What it does is in the files
// beside this one, loaded when it runs.

import type { Command } from 'commander'
import { type WorkFlags, withWorkOptions } from './options'

export function registerWork(program: Command): void {
  const work = program
    .command('work')
    .summary('run a command for every item of a list or a queue')
    .description(
      'Run a command for each item: done when it exits with 0, tried again when not.\n{} is replaced by the item, without a shell; where there is none, it comes last.',
    )
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
  withWorkOptions(work)
    .addHelpText(
      'after',
      `
A command finds ROLLCALL_ITEM, ROLLCALL_ID, ROLLCALL_ATTEMPT, ROLLCALL_FENCE in
its environment. A sign of life is that it lives: a hung one needs --timeout, or
--kick-on-output or --kick-file, and a queue with --on-expire requeue.

--arg-file keeps its queue beside the list (<file>.queue, or --queue). Stopped
by Ctrl-C, a crash or a power cut, the same command goes on where it was. Lines
that were appended are done at the next start; a list that was changed otherwise
is refused. So is another command: a second step has a queue of its own, -q.

Each command runs in a session of its own and is ended with all it has started:
by the first Ctrl-C (a second insists, a third kills), or when rollcall dies.

Exit codes: 0 all is done; 1 items have failed, or --halt; 75 others are still
at work (--until empty); 126, 127 the program cannot be executed, or is not
there; 141 nobody reads the output; 128 + n stopped by signal n; 65 an item is
too long for an argument; 71, 74 this machine is out of processes, or of room.

Examples:
  $ rollcall work -j 4 --arg-file files.txt -- gzip -9 {}
  $ rollcall work -j 50% -a urls --timeout 5m --joblog log --tag -- curl -sSO {}
  $ rollcall work -j 4 --queue /run/app/jobs -- gzip -9 {}
  $ rollcall work --queue zk://host/jobs/today --board /run/top -- ./piece.sh`,
    )
    .action(async (words: string[], flags: WorkFlags) =>
      (await import('./run-work.js')).runWork(words, flags),
    )
}
