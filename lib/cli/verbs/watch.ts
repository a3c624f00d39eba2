// The verb `watch`: one line for each change of a board, as it happens.

import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'

import type { Scoreboard } from '../../scoreboard/scoreboard'
import type { Changes } from '../../scoreboard/types'
import { ScoreboardError } from '../../util/errors'
import { directory } from '../parse/arguments'
import { durationFrom } from '../parse/duration'
import { BOARD_OR_FLEET, type FleetFlags, withFleet } from '../parse/fleet-flags'
import { isFleet } from '../support/board-or-fleet'
import { type BoardFlags, openToRead, withBoard } from '../support/open-board'
import { note, outputStyle, print } from '../support/output'
import { StopSignal } from '../support/stop-signal'

const LOOK_EVERY_MS = 100

interface WatchOptions extends BoardFlags, FleetFlags {
  minInterval?: number
  blocked: number
  json?: boolean
}

export function registerWatch(program: Command): void {
  const verb = program
    .command('watch')
    .summary('print one line for each change')
    .description(
      'Print one line for each change of a board or a fleet: who is new, what each does now, who is gone and how.',
    )
    .argument('<dir>', BOARD_OR_FLEET, directory)
  withFleet(withBoard(verb))
    .option('--min-interval <duration>', 'merge what happens within this time', durationFrom('1ms'))
    .option(
      '--blocked <duration>',
      'tell when the event loop of a worker has not turned for so long, and when it turns again (of a fleet: as its agents say)',
      durationFrom('1ms'),
      3000,
    )
    .option(
      '--json',
      'one JSON object a line: type new, update, blocked, unblocked, closed or died; of machines machine-joined, machine-lost, machine-left, machine-forgotten',
    )
    .addHelpText(
      'after',
      `
A line is the time, a mark (+ new, = update, ! blocked or not any more, - gone), the id, how many updates were merged into the line
if more than one, and the status. Ctrl-C ends it.

Examples:
  $ rollcall watch /run/app
  $ rollcall watch --json /run/app | jq 'select(.type == "died") | .id'`,
    )
    .action(watch)
}

async function watch(dir: string, options: WatchOptions): Promise<void> {
  if (isFleet(dir, options)) return (await import('./fleet/looking.js')).watchFleet(dir, options)
  using board = await openToRead(dir, options)
  using stop = new StopSignal()
  const { changeLines, changeObjects } = await import('../../terminal/change-lines.js')
  const render = (changes: Changes): string[] => {
    if (options.json) return changeObjects(changes).map((change) => JSON.stringify(change))
    return changeLines(changes, outputStyle())
  }
  const { minInterval: minIntervalMs, blocked: blockedAfterMs } = options
  while (!stop.signal.aborted) {
    try {
      for await (const changes of board.watch({ signal: stop.signal, minIntervalMs, blockedAfterMs })) {
        for (const line of render(changes)) print(line)
      }
    } catch (error) {
      if (!stop.signal.aborted) await nextBoard(board, error, stop.signal)
    }
  }
  process.exitCode = stop.exitCode
}

/** Waits for another board where this one was deleted or replaced; throws any other error. */
async function nextBoard(board: Scoreboard, error: unknown, signal: AbortSignal): Promise<void> {
  if (!(error instanceof ScoreboardError) || error.code !== 'ERR_BOARD_REPLACED') throw error
  note(`the board of ${board.baseDir} was deleted or replaced; going on with the next one`)
  for (;;) {
    try {
      board.reopen()
      return
    } catch (cause) {
      // There is none yet.
      if ((cause as ScoreboardError).code !== 'ERR_NOT_A_BOARD') throw cause
    }
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
  }
}
