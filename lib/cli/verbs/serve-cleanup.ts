// What `serve --cleanup` does beside the page: frees the slots of those who have been dead for a while, so that nobody
// else has to.

import { setTimeout as delay } from 'node:timers/promises'
import { modeOfBoard } from '../../scoreboard/open-board'
import { DeadTimes } from '../../view/dead-times'
import { EXIT, exitCodeOf } from '../support/exit-codes'
import { type BoardFlags, openToWrite } from '../support/open-board'

const LONGEST_PAUSE_MS = 10_000
const SHORTEST_PAUSE_MS = 50

/** A board of which one has been cleaned up, and what is known of its dead. */
export class Cleaner {
  readonly #dir: string
  readonly #flags: BoardFlags
  readonly #deadForMs: number
  readonly #times = new DeadTimes()

  constructor(dir: string, flags: BoardFlags, deadForMs: number) {
    this.#dir = dir
    this.#flags = flags
    this.#deadForMs = deadForMs
  }

  /** @throws what keeps it from being cleaned up */
  async clean(): Promise<void> {
    // Opened anew each time: another may lie there by now, or none, and none is made.
    using board = await openToWrite(this.#dir, {
      ...this.#flags,
      mode: modeOfBoard(this.#dir),
      deadForMs: Number.POSITIVE_INFINITY,
    })
    const { old } = this.#times.split(board.snapshot({ includeDead: true }), this.#deadForMs)
    if (old.length > 0) board.cleanup(old.map(({ slot }) => slot))
  }

  /** Goes on until then. A board that has gone may come back. */
  async run(signal: AbortSignal): Promise<void> {
    const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, this.#deadForMs / 4))
    while (!signal.aborted) {
      await delay(pauseMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      await this.clean().catch((error: unknown) => {
        if (exitCodeOf(error) !== EXIT.notFound) throw error
      })
    }
  }
}
