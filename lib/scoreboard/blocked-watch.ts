// Who blocks and who comes back, for watchers that want to know. Nothing happens when somebody blocks, so a watcher
// computes when that can be at the earliest and looks then; who comes back wakes it, by a late beat.

import type { NativeBoard } from '../binding'
import { monotonicMs } from '../util/clock'
import { Hearts } from './hearts'

export class BlockedWatch {
  readonly #hearts: Hearts
  readonly #afterMs: number
  /** The owners that are blocked: epoch by slot. */
  #blocked = new Map<number, number>()
  #nextAt = Number.POSITIVE_INFINITY

  constructor(board: NativeBoard, afterMs: number) {
    this.#hearts = new Hearts(board)
    this.#afterMs = afterMs
  }

  /** Looks at all hearts. Says of which slots the owner has blocked, or has come back, since the last look. */
  look(): number[] {
    const now = monotonicMs()
    const before = this.#blocked
    const moved: number[] = []
    this.#blocked = new Map()
    this.#nextAt = Number.POSITIVE_INFINITY
    this.#hearts.read((slot, epoch, beatMs) => {
      const blocksAt = beatMs + this.#afterMs
      const isBlocked = blocksAt <= now
      if (isBlocked) this.#blocked.set(slot, epoch)
      else this.#nextAt = Math.min(this.#nextAt, blocksAt)
      if (isBlocked !== (before.get(slot) === epoch)) moved.push(slot)
    })
    return moved
  }

  /** As of the newest look. */
  isBlocked(slot: number, epoch: number): boolean {
    return this.#blocked.get(slot) === epoch
  }

  /** In how many milliseconds the next can be blocked; Infinity where nobody can. */
  get nextMs(): number {
    return Math.max(1, Math.ceil(this.#nextAt - monotonicMs()))
  }
}
