// Work that is asked for again and again: one at a time, and however often it is asked for while it runs, once more.

import { WatchdogError } from '../util/errors'

const RETRY_MS = 1000

export class Coalesced {
  readonly #work: () => Promise<void>
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(work: () => Promise<void>) {
    this.#work = work
  }

  /** Resolves after a run that has begun after this call. Where it fails it is run again a second later, too. */
  ask(): Promise<void> {
    if (this.#next !== undefined) return this.#next
    const run = this.#running.then(() => {
      this.#next = undefined
      return this.#isStopped ? undefined : this.#work()
    })
    this.#next = run
    this.#running = run.catch((error) => this.#failed(error))
    return run
  }

  /** The same for a caller that does not wait. */
  readonly begin = (): void => {
    this.ask().catch(() => {})
  }

  #failed(error: unknown): void {
    if (this.#isStopped || (error instanceof WatchdogError && error.code === 'ERR_CLOSED')) return
    clearTimeout(this.#retry)
    this.#retry = setTimeout(this.begin, RETRY_MS)
    this.#retry.unref()
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#retry)
    await this.#running
  }
}
