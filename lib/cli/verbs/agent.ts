// The verb `agent`: puts the boards of this machine into a fleet, until Ctrl-C. What it does is in fleet/agent.ts,
// loaded when it runs.

import { type Command, Option } from 'commander'
import { directory, integerFrom, keyValue, several } from '../parse/arguments'
import { durationFrom } from '../parse/duration'
import { fleetUrl } from '../parse/fleet-flags'
import { withWay } from '../parse/queue-flags'
import type { AgentOptions } from './fleet/agent'

export function registerAgent(program: Command): void {
  const agent = program
    .command('agent')
    .summary('put the boards of this machine into a fleet')
    .description(
      'Show the boards of this machine in a fleet, beside those of other machines, until Ctrl-C. One agent a machine is enough; it only reads the boards, and waits for those that are not there yet.',
    )
    .argument('[dirs...]', 'the directories of the boards', (dir, before: string[] = []) => [
      ...before,
      directory(dir),
    ])
    .addOption(
      new Option(
        '-F, --fleet <url>',
        'the fleet: zk://host1:2181,host2:2181/path (zks:// over TLS), or local:DIR on this machine',
      )
        .env('ROLLCALL_FLEET')
        .argParser(fleetUrl),
    )
  withWay(agent)
    .option('--name <name>', "what this machine is called (default: the host's name)")
    .option('-l, --label <key=value>', 'something to find it by; may be given several times', keyValue)
    .option('--page <url>', 'a page that this machine serves itself, such as that of rollcall serve')
    .option(
      '--interval <duration>',
      'how often at most it writes, while somebody looks (default 1s)',
      durationFrom('100ms'),
    )
    .option('--status-bytes <n>', 'how much of a status is passed on (default 512)', integerFrom(64, 4096))
    .option(
      '--retain <duration>',
      'for how long its last words are kept when it is lost (default 1h)',
      durationFrom('0ms'),
    )
    .option(
      '--blocked <duration>',
      "how long a worker's event loop may stand still before it counts as blocked (default 3s)",
      durationFrom('1ms'),
    )
    .option(
      '--session-timeout <duration>',
      'how long a silent agent counts as live (default 15s)',
      durationFrom('100ms'),
    )
    .option(
      '--forget <name>',
      'take a machine that is lost or has left off the list, by its name or id, then end',
      several,
    )
    .option('--json', 'print {"name":"...","id":"...","pid":N} when it has joined')
    .addHelpText(
      'after',
      `
Ctrl-C or SIGTERM takes leave: others see that the machine has left. Killed or
cut off, it is lost, and what its workers were doing last stays to be read.

Examples:
  $ rollcall agent /run/app --fleet zk://zk1,zk2/fleet
  $ rollcall agent /run/app /run/jobs --fleet zk://zk1/fleet --label zone=a
  $ rollcall agent /run/app --fleet local:/run/fleet --name web
  $ rollcall agent --fleet zk://zk1,zk2/fleet --forget web-7`,
    )
    .action(async (dirs: string[] | undefined, options: AgentOptions) =>
      (await import('./fleet/agent.js')).agent(dirs ?? [], options),
    )
}
