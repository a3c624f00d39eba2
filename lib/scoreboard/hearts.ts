// All hearts of a board, read in one call.

import { HEART_NUMBERS, type NativeBoard } from '../binding'
import { monotonicMs } from '../util/clock'

/** Three missed beats are no accident of scheduling. */
export const MISSED_BEATS = 3

export class Hearts {
  readonly #board: NativeBoard
  readonly #numbers: Float64Array

  constructor(board: NativeBoard) {
    this.#board = board
    this.#numbers = new Float64Array(HEART_NUMBERS * board.slots)
  }

  /** Calls `each` with every heart that there is. */
  read(each: (slot: number, epoch: number, beatMs: number, everyMs: number) => void): void {
    const slots = this.#board.hearts(this.#numbers)
    for (let slot = 0; slot < slots; slot++) {
      const at = slot * HEART_NUMBERS
      const epoch = this.#numbers[at]!
      if (epoch > 0) each(slot, epoch, this.#numbers[at + 1]! / 1e6, this.#numbers[at + 2]!)
    }
  }

  /** Which are older than `afterMs` (undefined: three beats of their own): epoch and age by slot. */
  blocked(afterMs: number | undefined): Map<number, { epoch: number; forMs: number }> {
    const now = monotonicMs()
    const blocked = new Map<number, { epoch: number; forMs: number }>()
    this.read((slot, epoch, beatMs, everyMs) => {
      const forMs = now - beatMs
      if (forMs > (afterMs ?? MISSED_BEATS * everyMs)) blocked.set(slot, { epoch, forMs })
    })
    return blocked
  }
}
