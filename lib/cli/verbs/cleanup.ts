// The verb `rollcall cleanup`: what dead workers left on a board, or the whole board.

import type { Command } from 'commander'

import type { Scoreboard } from '../../scoreboard/scoreboard'
import { escapeControls } from '../../view/escape-controls'
import { directory, octal } from '../parse/arguments'
import { type BoardFlags, openToWrite, withBoard } from '../support/open-board'
import { print } from '../support/output'

interface CleanupOptions extends BoardFlags {
  mode?: number
  reset?: boolean
  json?: boolean
}

export function registerCleanup(program: Command): void {
  const clean = program
    .command('cleanup')
    .summary('free what dead workers left behind')
    .description(
      'Free the slots of dead workers, remove the files that they left behind, and close inspectors that a `why` which was killed has left open.',
    )
    .argument('<dir>', 'the directory of the board', directory)
  withBoard(clean)
    .option('--mode <octal>', 'what the workers gave as `mode`, where others may write to the board', octal)
    .option(
      '--reset',
      'give up the whole board: statuses, counters and totals, whoever is on it; the next worker makes a new one',
    )
    .option('--json', 'print {"slots":N,"files":N}; also "inspectors":N where some were left open')
    .addHelpText('after', '\nExamples:\n  $ rollcall cleanup /run/app\n  $ rollcall cleanup --reset /run/app')
    .action(cleanup)
}

async function cleanup(dir: string, options: CleanupOptions): Promise<void> {
  using board = await openToWrite(dir, options)
  if (options.reset) {
    await reset(board, options)
    return
  }
  const { slots, files } = board.cleanup()
  const inspectors = board.hasInspected ? await closeInspectors(board) : 0
  if (options.json) print(JSON.stringify(inspectors > 0 ? { slots, files, inspectors } : { slots, files }))
  else {
    const closed =
      inspectors > 0 ? `, closed ${count(inspectors, 'inspector')} that somebody had left open` : ''
    print(`freed ${count(slots, 'slot')}, removed ${count(files, 'file')}${closed}`)
  }
}

async function closeInspectors(board: Scoreboard): Promise<number> {
  const { closeLeftInspectors } = await import('../../why/stack-of.js')
  return closeLeftInspectors(board)
}

async function reset(board: Scoreboard, { json }: CleanupOptions): Promise<void> {
  const { living, files } = board.reset()
  const { resetRequests } = await import('../../http/request-counts.js')
  resetRequests(board)
  if (json) {
    print(JSON.stringify({ living, files }))
    return
  }
  const still =
    living.length === 0 ? 'nobody was on it' : `still on it: ${living.map(escapeControls).join(', ')}`
  print(`gave up the board in ${board.baseDir}, removed ${count(files, 'file')}; ${still}`)
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}
