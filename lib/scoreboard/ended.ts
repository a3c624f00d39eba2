// How many workers have ended on a board, and how many of them died: from the epochs of its slots, and from the bits
// that tell of the last 64 owners of each (`ends` in docs/FORMAT.md). What a reader has once counted it keeps, so
// from its first look on the number is exact while no slot has more than 64 owners between two looks.

import type { NativeBoard } from '../binding'
import type { SlotReader } from './slot-reader'

export interface Ended {
  /** How many ended, in any way, since the board was made. */
  ended: number
  /** How many of them died. */
  died: number
  /** False: a slot has had owners of whom the board does not tell any more; at least `died` died. */
  isExact: boolean
  /**
   * `died` as a counter of Prometheus may be: exact, or else counted from 0 by this reader. A number that begins
   * lower in the next process, but not at 0, would look like so many new deaths.
   */
  diedTold: number
}

const REMEMBERED = 64

export class EndedCounter {
  readonly #board: NativeBoard
  /** By slot: owners of epochs below are in `#died`. */
  readonly #counted: number[] = []
  #died = 0
  #isExact = true
  #untold: number | undefined
  #last = { ended: 0, died: 0 }

  constructor(board: NativeBoard) {
    this.#board = board
  }

  /** None of it ever falls. */
  count(reader: SlotReader): Ended {
    const board = this.#board
    const endedNow = new Map<number, number>()
    for (let entry = 0, count = reader.scan(); entry < count; entry++) {
      if (!reader.isLive(entry)) endedNow.set(reader.slot(entry), reader.epoch(entry))
    }
    let ended = 0
    let newest = 0
    for (let slot = 0, slots = board.highWater(); slot < slots; slot++) {
      const signed = board.slotEpoch(slot)
      const epoch = Math.abs(signed)
      if (epoch === 0) continue
      this.#countBefore(slot, epoch)
      // Its newest owner is judged anew at each look.
      const hasEnded = signed > 0 || endedNow.get(slot) === epoch
      ended += epoch - Number(!hasEnded)
      newest += Number(hasEnded && board.endedByDeath(slot, epoch))
    }
    const died = Math.max(this.#last.died, this.#died + newest)
    this.#last = { ended: Math.max(this.#last.ended, ended), died }
    this.#untold ??= this.#isExact ? 0 : died
    return { ...this.#last, isExact: this.#isExact, diedTold: died - this.#untold }
  }

  #countBefore(slot: number, epoch: number): void {
    const from = this.#counted[slot] ?? 1
    const first = Math.max(from, epoch - REMEMBERED + 1)
    if (first > from) this.#isExact = false
    for (let one = first; one < epoch; one++) this.#died += Number(this.#board.endedByDeath(slot, one))
    this.#counted[slot] = epoch
  }
}
