// The clock of the store, as one process knows it: asked now and then, and carried on by the monotonic clock of
// this machine meanwhile. An answer takes its time; so there are two readings, and the truth is between them.

interface Sample {
  readonly time: number
  /** When it was asked, and when the answer was here, by the monotonic clock. */
  readonly askedAt: number
  readonly heardAt: number
}

/** Two clocks drift apart by some ten parts in a million: by less than a millisecond meanwhile. */
const ASK_AGAIN_MS = 5000

export class StoreClock {
  readonly #ask: () => Promise<number | undefined>
  #sample: Sample | undefined
  #asking: Promise<Sample> | undefined

  constructor(ask: () => Promise<number | undefined>) {
    this.#ask = ask
  }

  /** Not later than it is: what is due by then is due. */
  async atLeast(): Promise<number> {
    const { time, heardAt } = await this.#fresh()
    return time + performance.now() - heardAt
  }

  /** The same without a question; undefined where that is too long ago. */
  get known(): number | undefined {
    const { time, heardAt } = this.#sample ?? {}
    if (time === undefined || performance.now() - heardAt! >= ASK_AGAIN_MS) return undefined
    return time + performance.now() - heardAt!
  }

  /** Not earlier than it is: so long after that, so long has passed. */
  async atMost(): Promise<number> {
    const { time, askedAt } = await this.#fresh()
    return time + performance.now() - askedAt
  }

  async #fresh(): Promise<Sample> {
    const known = this.#sample
    if (known !== undefined && performance.now() - known.heardAt < ASK_AGAIN_MS) return known
    this.#asking ??= this.#read().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #read(): Promise<Sample> {
    const askedAt = performance.now()
    // Without a node to ask the queue is gone: whatever comes next says so.
    const time = (await this.#ask()) ?? 0
    this.#sample = { time, askedAt, heardAt: performance.now() }
    return this.#sample
  }
}
