// What a session is worth by the clock of this process alone.
//
// Each answer proves that the server had heard of us when the question was sent. From then on it keeps the session for
// one time-out; so once nothing newer is proven for that long, others may hold what was ours, and the session counts as
// lost. After a third of that time without any answer it is suspended, after two thirds another server is tried.
//
//   asked, answered        a sixth     a third        two thirds          one time-out
//   |----------------------|-----------|--------------|-------------------|
//                          ask again   suspended      give up the server  lost
//
// Time in which this thread did not run is no silence of the server: it could not have been heard. But it counts for
// the proof, since the server's clock did not stop.

export interface ClockActions {
  /** Asks the server something. */
  ask(): void
  silent(): void
  giveUpServer(): void
  lost(): void
}

export class SessionClock {
  readonly #actions: ClockActions
  #timeoutMs = 0
  #provenAt = 0
  #heardAt = 0
  #askedAt = 0
  #dueAt = 0
  #isConnected = false
  #isSilent = false
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined

  constructor(actions: ClockActions) {
    this.#actions = actions
  }

  /** A server has taken the session (again); the question was sent at `askedAt`. */
  connected(timeoutMs: number, askedAt: number): void {
    this.#timeoutMs = timeoutMs
    this.#isConnected = true
    this.#askedAt = performance.now()
    this.answered(askedAt)
    if (this.#timer === undefined && this.#immediate === undefined) this.#schedule()
  }

  disconnected(): void {
    this.#isConnected = false
  }

  /** Something is being sent. Returns when. */
  asked(): number {
    this.#askedAt = performance.now()
    return this.#askedAt
  }

  /** Returns whether this is the first answer after a silence that was told. */
  answered(askedAt: number): boolean {
    this.#provenAt = Math.max(this.#provenAt, askedAt)
    this.#heardAt = performance.now()
    const was = this.#isSilent
    this.#isSilent = false
    return was
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.#timeoutMs = 0
  }

  #schedule(): void {
    const now = performance.now()
    const step = this.#timeoutMs / 6
    const ends = [now + step, this.#provenAt + this.#timeoutMs]
    if (this.#isConnected && !this.#isSilent) ends.push(this.#heardAt + 2 * step)
    this.#dueAt = Math.max(now, Math.min(...ends))
    // What has come in meanwhile is read before anything is said about silence: timers run before that, immediates after.
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#immediate = setImmediate(() => this.#judge())
    }, this.#dueAt - now)
  }

  #judge(): void {
    this.#immediate = undefined
    const now = performance.now()
    const step = this.#timeoutMs / 6
    if (now - this.#provenAt >= this.#timeoutMs) {
      this.#actions.lost()
      return
    }
    if (now - this.#dueAt > step) this.#heardAt = Math.max(this.#heardAt, now - step)
    if (this.#isConnected) {
      const silence = now - this.#heardAt
      if (silence >= 4 * step) this.#actions.giveUpServer()
      else if (silence >= 2 * step && !this.#isSilent) {
        this.#isSilent = true
        this.#actions.silent()
      }
      if (this.#isConnected && now - this.#askedAt >= step / 2) this.#actions.ask()
    }
    if (this.#timeoutMs > 0) this.#schedule()
  }
}
