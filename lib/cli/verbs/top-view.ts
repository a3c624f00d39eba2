// What `top` does: on a terminal a screen that lives, elsewhere a round of text or JSON at a time.

import { setTimeout as delay } from 'node:timers/promises'
import { readRequestTotals } from '../../http/request-counts'
import type { Scoreboard } from '../../scoreboard/scoreboard'
import type { Snapshot, WorkerEntry } from '../../scoreboard/types'
import { BoardSource } from '../../terminal/live/board-source'
import { matches } from '../../terminal/live/list-model'
import { ListView } from '../../terminal/live/list-view'
import { renderJson, renderTable } from '../../terminal/render'
import { showLive } from '../../terminal/screen'
import type { ScoreboardError } from '../../util/errors'
import { SORTS, type SortKey } from '../../view/sort-keys'
import { CliError, EXIT } from '../support/exit-codes'
import { type BoardFlags, openToRead } from '../support/open-board'
import { isScreen, outputStyle, print } from '../support/output'
import { StopSignal } from '../support/stop-signal'

export interface TopOptions extends BoardFlags {
  /** Milliseconds, as is `stale`. */
  interval: number
  stale: number
  blocked?: number
  rounds?: number
  sort?: string
  reverse?: boolean
  filter?: string
  json?: boolean
}

/** Watches the board in `dir` until somebody has seen enough. */
export async function top(dir: string, given: TopOptions): Promise<void> {
  const options = { ...given, sort: sortFrom(given.sort, SORTS, 'slot', 'a board') }
  using stop = new StopSignal()
  using board = await openToRead(dir, options)
  const look = () => lookAgain(board)
  const source = new BoardSource({
    title: dir,
    look,
    totals: () => totalsOf(board),
    staleMs: options.stale,
    blockedMs: options.blocked,
    why: whyOn(board),
  })
  const isLive = isScreen() && !options.json && options.rounds === undefined
  if (isLive) await showLive(new ListView(source, options, outputStyle().colors), stop)
  else await topAsText(source, options, stop)
  process.exitCode = stop.exitCode
}

/** What was asked for, of what a list of that kind can be sorted by. */
export function sortFrom<Key extends string>(
  asked: string | undefined,
  sorts: Readonly<Record<Key, string>>,
  byDefault: Key,
  what: string,
): Key {
  if (asked === undefined) return byDefault
  if (Object.hasOwn(sorts, asked)) return asked as Key
  throw new CliError(
    EXIT.usage,
    `${what} is not sorted by ${asked}: give --sort ${Object.keys(sorts).join(', ')}`,
  )
}

/** What the board counts; where it has no counter for what servers have served, what they count beside it. */
function totalsOf(board: Scoreboard): Record<string, number> {
  const totals = board.totals()
  if (totals.requests !== undefined) return totals
  const served = readRequestTotals(board)
  return served === undefined ? totals : { requests: served.requests, bytes: served.bytes, ...totals }
}

/** What says where a worker hangs. */
function whyOn(board: Scoreboard): (worker: WorkerEntry) => Promise<string[]> {
  return async (worker) => {
    const [{ stackOnBoard }, { loopText, stackLines }] = await Promise.all([
      import('../../why/on-board.js'),
      import('../../why/stack-text.js'),
    ])
    const stack = await stackOnBoard(board, worker)
    return [`  ${loopText(worker, stack)}`, '', ...stackLines(stack)]
  }
}

async function topAsText(
  source: BoardSource,
  options: TopOptions & { sort: SortKey },
  stop: StopSignal,
): Promise<void> {
  const { sort, reverse = false, filter = '' } = options
  for (let round = 1; !stop.signal.aborted; round += 1) {
    source.refresh()
    const all = source.sorted({ sort, reverse })
    const workers = all.workers.filter((worker) => matches(source.textOf(worker), filter))
    const snapshot = { ...all, workers }
    print(
      options.json
        ? renderJson(snapshot, undefined, { staleMs: options.stale, blockedMs: options.blocked })
        : textRound(snapshot, source, options),
    )
    if (round === options.rounds) return
    // Rejects when it is time to stop, which the loop's condition says better.
    await delay(options.interval, undefined, { signal: stop.signal }).catch(() => {})
  }
}

function textRound(snapshot: Snapshot, source: BoardSource, { stale, blocked }: TopOptions): string {
  const states = { staleMs: stale, blockedMs: blocked }
  const table = renderTable(snapshot, { ...outputStyle(), state: true, vitals: true, ...states })
  const head = `${new Date(snapshot.takenAt).toISOString()}  ${source.countsLine(snapshot)}`
  return [head, ...source.totalsLines(), ...table, ''].join('\n')
}

/** A board may be replaced while it is looked at, or be gone until a worker makes the next one: undefined. */
function lookAgain(board: Scoreboard): Snapshot | undefined {
  try {
    board.reopen()
    return board.snapshot({ includeDead: true, vitals: true })
  } catch (error) {
    const { code } = error as ScoreboardError
    if (code === 'ERR_NOT_A_BOARD' || code === 'ERR_BOARD_REPLACED') return undefined
    throw error
  }
}
