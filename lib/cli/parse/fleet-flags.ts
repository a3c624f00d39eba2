// The flags of the verbs that take the URL of a fleet where the directory of a board may stand.

import type { Command } from 'commander'
import { keyValue } from './arguments'
import { type ServerOptions, withServer } from './queue-flags'

export interface FleetFlags extends ServerOptions {
  label?: Record<string, string>
}

/** What their first argument is. */
export const BOARD_OR_FLEET =
  'the directory of a board, or the URL of a fleet: zk://host:port/path, local:DIR'

/** Adds `--label`, for the verbs that show or judge machines. */
export function withLabels(command: Command): Command {
  return command.option(
    '-l, --label <key=value>',
    'of a fleet: only machines that have this label; may be given several times',
    keyValue,
  )
}

/** Adds what a fleet needs. */
export function withFleet(command: Command): Command {
  return withServer(withLabels(command))
}
