// How long a process is given to answer. On a machine with too much to do, which is where things hang, one that runs
// has not refused to answer when it got no processor.

import { StatField } from '../binding'
import { statOf } from './proc'

/** How many times as long a process gets that was never let run. */
const MOST_ROUNDS = 5
const RUNNABLE = 'R'.charCodeAt(0)

/**
 * Aborts after `timeoutMs`, or up to five times as late where all that time the process wanted to run, and another had
 * the processor for most of it.
 *
 * @param onMore called each time when it is given more
 */
export class Patience implements Disposable {
  readonly #controller = new AbortController()
  readonly #pid: number
  readonly #timer: NodeJS.Timeout
  #cpuMs: number

  constructor(pid: number, timeoutMs: number, onMore: () => void) {
    this.#pid = pid
    this.#cpuMs = statOf(pid)[StatField.cpuMs]!
    let rounds = 0
    this.#timer = setInterval(() => {
      if (++rounds < MOST_ROUNDS && this.#isStarved(timeoutMs)) onMore()
      else this.#controller.abort(new DOMException('No answer', 'TimeoutError'))
    }, timeoutMs)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #isStarved(passedMs: number): boolean {
    const stat = statOf(this.#pid)
    const usedMs = stat[StatField.cpuMs]! - this.#cpuMs
    this.#cpuMs += usedMs
    return stat[StatField.state] === RUNNABLE && usedMs < passedMs / 2
  }
}
