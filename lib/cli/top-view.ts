// What `top` does: on a terminal a screen that lives, elsewhere a round of text or JSON at a time.

import { setTimeout as delay } from 'node:timers/promises'

import { ScoreboardError } from '../errors'
import type { Scoreboard } from '../scoreboard/scoreboard'
import type { Snapshot } from '../scoreboard/types'
import { renderJson, renderLine, renderScreen, renderTable } from '../status/render'
import { SORT_KEYS, type SortKey, sortWorkers } from '../status/sort'
import { opener } from './open-board'
import { outputStyle, print } from './output'
import { showLive } from './screen'
import { StopSignal } from './stop-signal'

export interface TopOptions {
  /** Milliseconds, as is `stale`. */
  interval: number
  stale: number
  rounds?: number
  sort: SortKey
  reverse?: boolean
  json?: boolean
}

/** Watches the board in `dir` until somebody has seen enough. */
export async function top(dir: string, options: TopOptions): Promise<void> {
  using stop = new StopSignal()
  using board = new LastingReader(await opener(dir, { readOnly: true }))
  const isLive = process.stdout.isTTY === true && !options.json && options.rounds === undefined
  if (isLive) await topOnScreen(dir, board, options, stop)
  else await topAsText(board, options, stop)
  process.exitCode = stop.exitCode
}

async function topOnScreen(
  dir: string,
  board: LastingReader,
  options: TopOptions,
  stop: StopSignal,
): Promise<void> {
  const view = { sort: options.sort, reverse: options.reverse ?? false }
  const { colors } = outputStyle()
  const lines = (columns: number, rows: number) => {
    const order = `sorted by ${view.sort}${view.reverse ? ', reversed' : ''}`
    return renderScreen(sortWorkers(board.snapshot(), view), {
      title: dir,
      footer: `q quit   s sort   r reverse   ${order}`,
      columns,
      rows,
      colors,
      staleMs: options.stale,
    })
  }
  const onKey = (key: string) => {
    if (key === 's') view.sort = SORT_KEYS[(SORT_KEYS.indexOf(view.sort) + 1) % SORT_KEYS.length]!
    if (key === 'r') view.reverse = !view.reverse
  }
  await showLive({ intervalMs: options.interval, lines, onKey }, stop)
}

async function topAsText(board: LastingReader, options: TopOptions, stop: StopSignal): Promise<void> {
  for (let round = 1; !stop.signal.aborted; round += 1) {
    const snapshot = sortWorkers(board.snapshot(), options)
    print(options.json ? renderJson(snapshot) : textRound(snapshot, options))
    if (round === options.rounds) return
    // Rejects when it is time to stop, which the loop's condition says better.
    await delay(options.interval, undefined, { signal: stop.signal }).catch(() => {})
  }
}

function textRound(snapshot: Snapshot, { stale }: TopOptions): string {
  const table = renderTable(snapshot, { ...outputStyle(), state: true, staleMs: stale })
  return [`${new Date(snapshot.takenAt).toISOString()}  ${renderLine(snapshot, stale)}`, ...table, ''].join(
    '\n',
  )
}

/** A board that may be replaced by a new one in the same place while it is looked at. */
class LastingReader implements Disposable {
  readonly #open: () => Scoreboard
  #board: Scoreboard

  constructor(open: () => Scoreboard) {
    this.#open = open
    this.#board = open()
  }

  snapshot(): Snapshot {
    try {
      return this.#board.snapshot({ includeDead: true })
    } catch (error) {
      if (!(error instanceof ScoreboardError) || error.code !== 'ERR_BOARD_REPLACED') throw error
    }
    this.#board.close()
    this.#board = this.#open()
    return this.#board.snapshot({ includeDead: true })
  }

  [Symbol.dispose](): void {
    this.#board.close()
  }
}
