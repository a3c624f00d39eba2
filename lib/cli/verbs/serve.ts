// The verb `serve`: the status page of a board and of queues, until Ctrl-C. What it does is in
// serve-page.ts, loaded when it runs.

import { type Command, Option } from 'commander'

import { directory, integerFrom, several } from '../parse/arguments'
import { durationFrom } from '../parse/duration'
import { BOARD_OR_FLEET } from '../parse/fleet-flags'
import { withBlocked } from '../parse/list-flags'
import { withServer } from '../parse/queue-flags'
import { secretIn } from '../parse/secret'
import { withBoard } from '../support/open-board'
import type { ServeOptions } from './serve-page'

const DEFAULT_PORT = 9670

export function registerServe(program: Command): void {
  const serve = program
    .command('serve')
    .summary('serve the status page of a board or a fleet')
    .description(
      'Serve the status page of a board or a fleet: for people at /, for programs at /?json and /?auto (also at /server-status?auto), for Prometheus at /metrics; of a fleet by machine, /metrics?by=worker by worker, and its service discovery at /sd.',
    )
    .argument('<dir>', BOARD_OR_FLEET, directory)
  withBlocked(withBoard(serve))
    .option(
      '-p, --port <port>',
      `where to listen; 0 takes a free one (default ${DEFAULT_PORT})`,
      integerFrom(0, 65_535),
    )
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option(
      '-a, --allow <address>',
      'who may look: an address, a CIDR block, `loopback` (the default)',
      several,
    )
    .addOption(
      new Option('--token <secret>', 'who may look: whoever knows this secret').env('ROLLCALL_TOKEN'),
    )
    .option('--token-file <file>', 'the file whose first line is that secret', secretIn)
    .option('--name <host>', 'a name under which browsers reach this server, besides its addresses', several)
    .option('--trust-proxy <address>', 'a proxy whose X-Forwarded-For is believed', several)
    .option(
      '-q, --queue <url>',
      'a queue to show too: a directory of this machine, or zk://host:port/path',
      several,
    )
  withServer(serve)
    .option('--shared-directory', 'show a queue of this machine although others may write above it')
    .option(
      '--stale <duration>',
      'mark living workers without a heart that have been silent for longer',
      durationFrom('1ms'),
      10_000,
    )
    .option('--title <text>', "what the page is called (default: the directory's name)")
    .option('--cleanup', 'free the slots of workers that have been dead for five minutes')
    .option('--cleanup-after <duration>', 'the same, after that time', durationFrom('0ms'))
    .option('--wait', 'wait for a board that is not there yet, and answer 503 until then')
    .option('--json', 'print {"url":"...","port":N,"pid":N} when it listens')
    .addHelpText(
      'after',
      `
Ctrl-C ends it. --allow, --name, --trust-proxy and --queue may be given several
times. Only this machine may look unless --allow or --token says otherwise; on a
network use a token of many random characters, and a proxy that speaks TLS. A
client sends it as a Bearer token, or as the password of Basic authentication. A
secret on a command line is seen by every user of the machine: put it into a
file or a variable.

Examples:
  $ rollcall serve /run/app
  $ rollcall serve --queue /run/app/jobs --port 8080 /run/app
  $ ROLLCALL_TOKEN=$(openssl rand -hex 16) rollcall serve --host 0.0.0.0 /run/app
  $ rollcall serve zk://zk1,zk2/fleet
  $ rollcall serve --host :: --allow loopback --allow 10.0.0.0/8 /run/app`,
    )
    .action(async (dir: string, options: ServeOptions) =>
      (await import('./serve-page.js')).serve(dir, { ...options, port: options.port ?? DEFAULT_PORT }),
    )
}
