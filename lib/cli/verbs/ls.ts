// The verb `rollcall ls`: the workers of a board, once.

import type { Command } from 'commander'

import { renderJson, renderTable } from '../../terminal/render'
import { directory } from '../parse/arguments'
import { parseDuration } from '../parse/duration'
import { BOARD_OR_FLEET, type FleetFlags, withFleet } from '../parse/fleet-flags'
import { withBlocked } from '../parse/list-flags'
import { isFleet } from '../support/board-or-fleet'
import { type BoardFlags, openToRead, withBoard } from '../support/open-board'
import { note, outputStyle, print } from '../support/output'

interface LsOptions extends BoardFlags, FleetFlags {
  machines?: boolean
  dead?: boolean
  vitals?: boolean
  blocked?: number
  /** Milliseconds. */
  stale: number
  json?: boolean
}

const BYTES_NOTE = `A status of bytes is {"type":"bytes","base64":"..."} in JSON; fields that are not known are left out.`

export function registerLs(program: Command): void {
  const ls = program
    .command('ls')
    .summary('list the workers of a board or a fleet')
    .description(
      'List the living workers of a board, or of all machines of a fleet, and what each of them is doing.',
    )
    .argument('<dir>', BOARD_OR_FLEET, directory)
  withFleet(withBlocked(withBoard(ls)))
    .option(
      '-d, --dead',
      'the dead too: those that died in the last ten minutes and were not cleaned up yet; and those of lost machines',
    )
    .option('--vitals', 'what each of them costs: processor time and memory (Linux)')
    .option(
      '--stale <duration>',
      'mark living workers without a heart that have been silent for longer',
      parseDuration,
      10_000,
    )
    .option('-m, --machines', 'of a fleet: its machines, a line for each')
    .option('--json', 'print the whole snapshot as JSON')
    .addHelpText(
      'after',
      `\n${BYTES_NOTE}\n\nExamples:\n  $ rollcall ls /run/app\n  $ rollcall ls --dead --json /run/app | jq '.workers[].id'
  $ rollcall ls --machines zk://zk1,zk2/fleet`,
    )
    .action(list)
}

async function list(dir: string, options: LsOptions): Promise<void> {
  if (isFleet(dir, options)) return (await import('./fleet/looking.js')).lsFleet(dir, options)
  using board = await openToRead(dir, options)
  const snapshot = board.snapshot({ includeDead: true, vitals: options.vitals })
  const dead = snapshot.workers.filter((worker) => worker.state === 'dead').length
  if (!options.dead) snapshot.workers = snapshot.workers.filter((worker) => worker.state === 'live')

  if (options.json) {
    print(renderJson(snapshot, 2, { staleMs: options.stale, blockedMs: options.blocked }))
    return
  }
  const { stale: staleMs, blocked: blockedMs, vitals } = options
  print(renderTable(snapshot, { ...outputStyle(), state: true, staleMs, blockedMs, vitals }).join('\n'))
  if (snapshot.workers.length > 0) return
  note(dead > 0 ? `no living worker on ${dir}; ${dead} dead, which --dead shows` : `no worker on ${dir}`)
}
