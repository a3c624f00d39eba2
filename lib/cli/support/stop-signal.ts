// When a verb that runs for a while has to end: Ctrl-C, a signal, or nobody reads its output any more.

import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * An abort signal that fires once on SIGINT, SIGTERM, SIGHUP or a closed standard output, so that
 * the verb can clean up and return. `exitCode` is then the one to end with.
 */
export class StopSignal implements Disposable {
  readonly #controller = new AbortController()
  #exitCode = 0

  /** Ends it as Ctrl-C would. */
  readonly stop = (): void => {
    this.#controller.abort()
  }

  readonly #onSignal = (name: NodeJS.Signals) => {
    // Ctrl-C is the normal end of what would run for ever; the other two are somebody else's wish.
    if (name !== 'SIGINT') this.#exitCode = 128 + constants.signals[name]
    this.stop()
  }

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#onSignal)
    process.stdout.on('error', this.stop)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get exitCode(): number {
    return this.#exitCode
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.#onSignal)
    process.stdout.off('error', this.stop)
  }
}
