// What a handle has while it is attached to one run of a queue.

import type { Incarnation } from '../incarnation/incarnation'
import { PageSet } from '../items/page-set'
import { Members } from '../members/members'
import { Reaper } from '../members/reaper'
import type { RemoteReaper } from '../store/store'
import type { WatchdogTimer } from './timer'

export class AttachedQueue {
  readonly run: Incarnation
  readonly pages: PageSet
  readonly keeper: RemoteReaper
  /** For reports: ages as this handle has seen them. */
  readonly roster: Members
  // biome-ignore lint/suspicious/noExplicitAny: timers of any item type
  readonly timers = new Set<WatchdogTimer<any>>()
  #ringing: Promise<void> | undefined
  #again = false

  constructor(run: Incarnation) {
    this.run = run
    this.pages = new PageSet(run)
    this.keeper = run.store.caretaker?.(run) ?? new Reaper(run, this.pages)
    this.roster = new Members(run)
  }

  // biome-ignore lint/suspicious/noExplicitAny: timers of any item type
  readonly forgetTimer = (timer: WatchdogTimer<any>): void => {
    this.timers.delete(timer)
  }

  /** Wakes idle workers; many rings in a row become few writes. */
  async ring(): Promise<void> {
    if (this.#ringing !== undefined) {
      this.#again = true
      return this.#ringing
    }
    this.#ringing = this.#ring().finally(() => {
      this.#ringing = undefined
    })
    return this.#ringing
  }

  async #ring(): Promise<void> {
    do {
      this.#again = false
      await this.run.ring()
    } while (this.#again)
  }
}
