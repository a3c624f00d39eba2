// A worker that waits for items: asleep until something comes back or the queue is done. It
// watches two nodes, and wakes a little late at random, so that a thousand idle workers do not
// fall upon one item at once.

import { Notifier } from '../../util/wait'
import type { Incarnation } from '../incarnation/incarnation'

const MAX_JITTER_MS = 300
/** Where a look costs next to nothing, and a death should be made good at once. */
const MAX_JITTER_WITHOUT_SERVER_MS = 20
const JITTER_PER_WORKER_MS = 1

export class ItemWaiter {
  readonly #incarnation: Incarnation
  readonly #notifier = new Notifier()
  #stops: (() => void)[] = []
  #jitterMs = 0

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation
  }

  /** Starts to watch; what changes from here on ends the next `wait()`. */
  async watch(): Promise<void> {
    if (this.#stops.length > 0) return
    const { store } = this.#incarnation
    this.#stops.push(await store.watch(this.#incarnation.at('signal'), 'data', this.#notifier.notify))
    this.#stops.push(await store.watch(this.#incarnation.at('open'), 'children', this.#notifier.notify))
    const workers = (await store.info(this.#incarnation.at('timers')))?.children ?? 1
    const most = store.needsLeader ? MAX_JITTER_MS : MAX_JITTER_WITHOUT_SERVER_MS
    this.#jitterMs = Math.min(most, (workers - 1) * JITTER_PER_WORKER_MS)
  }

  /** Says whether there is a reason to look for items. */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    const started = performance.now()
    if (!(await this.#notifier.wait(ms, signal))) return false
    const left = ms - (performance.now() - started)
    const jitter = Math.min(left, Math.random() * this.#jitterMs)
    if (jitter > 1) await new Promise((resolve) => setTimeout(resolve, jitter))
    return true
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop()
  }
}
