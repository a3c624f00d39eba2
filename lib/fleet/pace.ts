// How often an agent writes: as often as it is asked to, and less where the store is slow.

const SLOW_MS = 500
const LONGEST_MS = 60_000

export class Pace {
  readonly #leastMs: number
  #intervalMs: number

  constructor(leastMs: number) {
    this.#leastMs = leastMs
    this.#intervalMs = leastMs
  }

  /** The least time between the beginnings of two writes. */
  get intervalMs(): number {
    return this.#intervalMs
  }

  get isSlow(): boolean {
    return this.#intervalMs > this.#leastMs
  }

  /** Twice as long after a write that took long, faster again after others. */
  took(ms: number): void {
    const next = ms > SLOW_MS ? this.#intervalMs * 2 : this.#intervalMs / 2
    this.#intervalMs = Math.max(this.#leastMs, Math.min(next, LONGEST_MS))
  }
}
