// When the end of requests is published: at once, or together with what comes after it.
//
// A window lasts ten milliseconds, twenty-five after a crowded one, or as long as a turn of the event loop. In a
// short one the first end of a request is published in the same turn; all others wait for the end of a window in
// which nothing began. So a worker that serves few requests is never shown busy when it is not, one that
// serves more pays for a hundred ends a second at most, and one that serves thousands for none: what a
// window costs is not little, since its code is cold by then.

const SHORT_MS = 10
const LONG_MS = 25
/** How many ends in a window make it crowded. */
const CROWD = 32

/** Whose requests begin and end in the window. */
export interface WindowOwner {
  /** Whether anybody wants what it publishes. */
  isUsed(): boolean
  /** How many requests were served until now. */
  served(): number
  /** Publishes what has changed; whether something had. */
  settle(): boolean
  onOpen(): void
  onClose(): void
}

export class PublishWindow {
  isOpen = false
  /** When it opened, since the epoch: to ask for the time can take as long as all the rest of a request. */
  openedAt = 0
  readonly #owner: WindowOwner
  #timer: NodeJS.Timeout | undefined
  #timerMs = 0
  /** How many requests had been served when it opened. */
  #servedBefore = 0
  /** Whether something has begun in it. */
  #hasBegun = false
  #isSettling = false
  #hasSettled = false

  constructor(owner: WindowOwner) {
    this.#owner = owner
  }

  open(ms: number = SHORT_MS): void {
    this.isOpen = true
    this.#hasBegun = false
    this.#hasSettled = ms === LONG_MS
    this.openedAt = Date.now()
    this.#servedBefore = this.#owner.served()
    this.#owner.onOpen()
    if (ms === this.#timerMs) {
      this.#timer!.refresh()
      return
    }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#close, ms).unref()
    this.#timerMs = ms
  }

  readonly #close = (): void => {
    this.isOpen = false
    this.#owner.onClose()
    if (!this.#owner.isUsed()) return
    const isCrowded = this.#owner.served() - this.#servedBefore >= CROWD
    if (this.#hasBegun) this.open(isCrowded ? LONG_MS : SHORT_MS)
    else this.#owner.settle()
  }

  /** A request begins in it. */
  begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.settleSoon()
  }

  /** Something has ended, which is published in the next turn of the event loop, or with the window. */
  settleSoon(): void {
    if (this.#isSettling || (this.isOpen && this.#hasSettled)) return
    this.#isSettling = true
    setImmediate(this.#settleNow)
  }

  readonly #settleNow = (): void => {
    this.#isSettling = false
    if (this.#owner.isUsed() && this.#owner.settle()) this.#hasSettled = true
  }

  /** Nobody wants to hear of it any more. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerMs = 0
    this.isOpen = false
  }
}
