// The verb `serve`: the status page of a board and of queues, until Ctrl-C. What it does is in
// serve-page.ts, loaded when it runs.

import { type Command, Option } from 'commander'

import { directory, integerFrom } from './arguments'
import { durationFrom } from './duration'
import type { ServeOptions } from './serve-page'

export const DEFAULT_PORT = 9670

export function registerServe(program: Command): void {
  program
    .command('serve')
    .summary('serve the status page of a board')
    .description(
      'Serve the status page of a board: for people at /, for programs at /?json and /?auto, for Prometheus at /metrics.',
    )
    .argument('<dir>', 'the directory of the board', directory)
    .option('-p, --port <port>', 'where to listen; 0 takes a free one', integerFrom(0, 65_535), DEFAULT_PORT)
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('-a, --allow <address...>', 'who may look: addresses, CIDR blocks, `loopback` (default loopback)')
    .addOption(
      new Option('--token <secret>', 'who may look: whoever knows this secret').env('ROLLCALL_TOKEN'),
    )
    .option('--name <host...>', 'names under which browsers reach this server, besides its addresses')
    .option('--trust-proxy <address...>', 'proxies whose X-Forwarded-For is believed')
    .option('-q, --queue <url...>', 'queues to show too: directories of this machine, or zk://host:port/path')
    .addOption(
      new Option('--auth <user:password>', 'the secret that the queues were made with').env('ROLLCALL_AUTH'),
    )
    .option(
      '--stale <duration>',
      'mark living workers that have been silent for longer',
      durationFrom('1ms'),
      10_000,
    )
    .option('--title <text>', "what the page is called (default: the directory's name)")
    .option('--json', 'print {"url":"...","port":N,"pid":N} when it listens')
    .addHelpText(
      'after',
      `
Ctrl-C ends it. Only this machine may look unless --allow or --token says otherwise; on a network use a token of
many random characters, and a proxy that speaks TLS.

Examples:
  $ rollcall serve /run/app
  $ rollcall serve --queue /run/app/jobs --port 8080 /run/app
  $ ROLLCALL_TOKEN=$(openssl rand -hex 16) rollcall serve --host 0.0.0.0 /run/app
  $ rollcall serve --host :: --allow loopback --allow 10.0.0.0/8 /run/app`,
    )
    .action(async (dir: string, options: ServeOptions) =>
      (await import('./serve-page.js')).serve(dir, options),
    )
}
