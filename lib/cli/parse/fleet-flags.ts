// The flags of the verbs that take the URL of a fleet where the directory of a board may stand.

import { type Command, InvalidArgumentError } from 'commander'
import { redactUrl } from '../../util/redact'
import { schemeOf } from '../../util/schemes'
import { keyValue } from './arguments'
import { type ServerOptions, withWay } from './queue-flags'

export interface FleetFlags extends ServerOptions {
  label?: Record<string, string>
  connectTimeout?: number
  sharedDirectory?: boolean
}

/** A parser of the URL of a fleet. To the verbs that look at it a plain path is the directory of a board. */
export function fleetUrl(text: string): string {
  if (schemeOf(text) !== undefined) return text
  const meant = /^[\w.-]+:\d+[,/]/.test(text) ? `zk://${text}` : `local:${text}`
  throw new InvalidArgumentError(
    `Expected the URL of a fleet, zk://host:port/path or local:DIR; did you mean ${redactUrl(meant)}?`,
  )
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
  return withWay(withLabels(command))
}
