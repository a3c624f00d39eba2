// Which of the two a verb was given that takes either, and whether its flags are for that one.

import { schemeOf } from '../../util/schemes'
import { CliError, EXIT } from './exit-codes'

/** Flags that say nothing of a board, by their names in the options of a verb. */
const OF_FLEET = { label: '--label', machines: '--machines', maxLost: '--max-lost' }
/** What only a board's own machine knows or can do. */
const OF_BOARD = { vitals: '--vitals', cleanup: '--cleanup', cleanupAfter: '--cleanup-after' }

type Flags = { readonly [name in keyof typeof OF_FLEET | keyof typeof OF_BOARD]?: unknown }

/**
 * Whether it is the URL of a fleet; else it is the directory of a board.
 *
 * @throws {CliError} a flag was given that is for the other of the two
 */
export function isFleet(dir: string, flags: Flags): boolean {
  const is = schemeOf(dir) !== undefined
  const unfit: Partial<Record<string, string>> = is ? OF_BOARD : OF_FLEET
  const given = Object.entries(flags).find(
    ([name, value]) => Object.hasOwn(unfit, name) && value !== undefined && value !== false,
  )
  if (given === undefined) return is
  const why = is ? 'a board, on its own machine, and this is a fleet' : 'a fleet, and this is a board'
  throw new CliError(EXIT.usage, `${unfit[given[0]]} is for ${why}: leave it out`)
}
