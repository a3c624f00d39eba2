// The kicks of one timer: its sign of life on record, a write per tenth of `timerMs` at most. The timer's
// node is ephemeral, so it goes with the process; its version grows with each kick.

import { EMPTY } from '../../util/bytes'
import { describeValue } from '../../util/check-options'
import type { Incarnation } from '../incarnation/incarnation'
import { ANY_VERSION } from '../store/store'

/** At most this share of `timerMs` between two writes of a kick. */
export const KICKS_PER_TIMER = 10

/** Said at once, not when it is written: then nobody would hear of it. */
export function encodeProgress(progress: unknown): Buffer {
  let text: string | undefined
  let cause: unknown
  try {
    text = JSON.stringify(progress)
  } catch (error) {
    cause = error
  }
  if (text !== undefined) return Buffer.from(text)
  throw new TypeError(`Expected the progress to be something JSON can say, got ${describeValue(progress)}`, {
    cause,
  })
}

export class Kicks {
  readonly #incarnation: Incarnation
  readonly #path: string
  readonly #onGone: () => void
  #kickedAt = performance.now()
  #trailing: NodeJS.Timeout | undefined
  #progress: Buffer = EMPTY
  #hasStopped = false

  /** `onGone` hears of a kick that found no timer any more. */
  constructor(incarnation: Incarnation, path: string, onGone: () => void) {
    this.#incarnation = incarnation
    this.#path = path
    this.#onGone = onGone
  }

  /** False: the timer is gone. A kick too early for a write gives the last known answer. */
  async kick(progress?: Buffer): Promise<boolean> {
    if (this.#hasStopped) return false
    if (progress !== undefined) this.#progress = progress
    const wait = this.#wait()
    if (wait <= 0) return this.#write()
    if (progress !== undefined && this.#trailing === undefined) {
      this.#trailing = setTimeout(() => this.#write().catch(() => {}), wait)
      this.#trailing.unref()
    }
    return true
  }

  /** A sign of life on the side; its failure is for the next real request to tell. */
  touch(): void {
    if (this.#wait() <= 0) this.kick().catch(() => {})
  }

  /** How long until the next kick may be written, in milliseconds. */
  #wait(): number {
    const pause = this.#incarnation.settings.timerMs / KICKS_PER_TIMER
    return pause - (performance.now() - this.#kickedAt)
  }

  async #write(): Promise<boolean> {
    clearTimeout(this.#trailing)
    this.#trailing = undefined
    this.#kickedAt = performance.now()
    const outcome = await this.#incarnation.store.set(this.#path, this.#progress, ANY_VERSION)
    if (outcome.kind === 'set') return true
    this.#onGone()
    return false
  }

  /** What was to be written later is not. */
  cancel(): void {
    clearTimeout(this.#trailing)
  }

  stop(): void {
    this.cancel()
    this.#hasStopped = true
  }
}
