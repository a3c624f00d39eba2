// The verbs that do one thing with a board and end: ls, totals, cleanup.

import type { Command } from 'commander'

import type { Scoreboard } from '../../scoreboard/scoreboard'
import { directory, octal } from '../parse/arguments'
import { parseDuration } from '../parse/duration'
import { withBlocked } from '../parse/list-flags'
import { type BoardFlags, openToRead, openToWrite, withBoard } from '../support/open-board'
import { note, outputStyle, print } from '../support/output'

interface LsOptions extends BoardFlags {
  dead?: boolean
  vitals?: boolean
  blocked?: number
  /** Milliseconds. */
  stale: number
  json?: boolean
}

interface CleanupOptions extends BoardFlags {
  mode?: number
  reset?: boolean
  json?: boolean
}

const BYTES_NOTE = `A status of bytes is {"type":"bytes","base64":"..."} in JSON; fields that are not known are left out.`

export function registerBoards(program: Command): void {
  const ls = program
    .command('ls')
    .summary('list the workers of a board')
    .description('List the living workers of a board and what each of them is doing.')
    .argument('<dir>', 'the directory of the board', directory)
  withBlocked(withBoard(ls))
    .option('-d, --dead', 'the dead too: those that died in the last ten minutes and were not cleaned up yet')
    .option('--vitals', 'what each of them costs: processor time and memory (Linux)')
    .option(
      '--stale <duration>',
      'mark living workers without a heart that have been silent for longer',
      parseDuration,
      10_000,
    )
    .option('--json', 'print the whole snapshot as JSON')
    .addHelpText(
      'after',
      `\n${BYTES_NOTE}\n\nExamples:\n  $ rollcall ls /run/app\n  $ rollcall ls --dead --json /run/app | jq '.workers[].id'`,
    )
    .action(list)

  const sums = program
    .command('totals')
    .summary('print what the counters of a board add up to')
    .description(
      'Print the totals: of counters over everybody who ever worked here, of gauges over the living.',
    )
    .argument('<dir>', 'the directory of the board', directory)
  withBoard(sums)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ rollcall totals /run/app')
    .action(totals)

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
    .option('--json', 'print {"slots":N,"files":N,"inspectors":N}')
    .addHelpText('after', '\nExamples:\n  $ rollcall cleanup /run/app\n  $ rollcall cleanup --reset /run/app')
    .action(cleanup)
}

async function list(dir: string, options: LsOptions): Promise<void> {
  using board = await openToRead(dir, options)
  const { renderJson, renderTable } = await import('../../terminal/render.js')
  const snapshot = board.snapshot({ includeDead: true, vitals: options.vitals })
  const dead = snapshot.workers.filter((worker) => worker.state === 'dead').length
  if (!options.dead) snapshot.workers = snapshot.workers.filter((worker) => worker.state === 'live')

  if (options.json) {
    print(renderJson(snapshot, 2))
    return
  }
  const { stale: staleMs, blocked: blockedMs, vitals } = options
  print(renderTable(snapshot, { ...outputStyle(), state: true, staleMs, blockedMs, vitals }).join('\n'))
  if (snapshot.workers.length > 0) return
  note(dead > 0 ? `no living worker on ${dir}; ${dead} dead, which --dead shows` : `no worker on ${dir}`)
}

async function totals(dir: string, options: BoardFlags & { json?: boolean }): Promise<void> {
  using board = await openToRead(dir, options)
  const sums = board.totals()
  if (options.json) {
    print(JSON.stringify(sums))
    return
  }
  const { escapeControls } = await import('../../view/text.js')
  for (const [name, sum] of Object.entries(sums)) print(`${sum}\t${escapeControls(name)}`)
}

async function cleanup(dir: string, options: CleanupOptions): Promise<void> {
  using board = await openToWrite(dir, options)
  if (options.reset) {
    await reset(board, options)
    return
  }
  const { slots, files } = board.cleanup()
  const inspectors = board.hasInspected ? await closeInspectors(board) : 0
  if (options.json) print(JSON.stringify({ slots, files, inspectors }))
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
  const { escapeControls } = await import('../../view/text.js')
  const { living, files } = board.reset()
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
