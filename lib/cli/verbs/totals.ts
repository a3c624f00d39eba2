// The verb `rollcall totals`: what the counters of a board add up to.

import type { Command } from 'commander'

import { escapeControls } from '../../view/escape-controls'
import { directory } from '../parse/arguments'
import { BOARD_OR_FLEET } from '../parse/fleet-flags'
import { type ServerOptions, withWay } from '../parse/queue-flags'
import { isFleet } from '../support/board-or-fleet'
import { type BoardFlags, openToRead, withBoard } from '../support/open-board'
import { print } from '../support/output'

export function registerTotals(program: Command): void {
  const totals = program
    .command('totals')
    .summary('print what the counters of a board or a fleet add up to')
    .description(
      'Print the totals: of counters over everybody who ever worked here, of gauges over the living.',
    )
    .argument('<dir>', BOARD_OR_FLEET, directory)
  withWay(withBoard(totals))
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ rollcall totals /run/app')
    .action(printTotals)
}

async function printTotals(
  dir: string,
  options: BoardFlags & ServerOptions & { json?: boolean },
): Promise<void> {
  if (isFleet(dir, {})) return (await import('./fleet/looking.js')).fleetTotals(dir, options)
  using board = await openToRead(dir, options)
  const sums = board.totals()
  if (options.json) {
    print(JSON.stringify(sums))
    return
  }
  for (const [name, sum] of Object.entries(sums)) print(`${sum}\t${escapeControls(name)}`)
}
