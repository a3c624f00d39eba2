// What a handle has while it is attached to one run of a queue.

import type { Run } from '../incarnation/incarnation'
import { Pages } from '../items/page-set'
import { Roster } from '../members/members'
import { Keeper } from '../members/reaper'
import type { Caretaker } from '../store/store'
import type { WatchdogTimer } from './timer'

export class Attachment {
  readonly run: Run
  readonly pages: Pages
  readonly keeper: Caretaker
  /** For reports: ages as this handle has seen them. */
  readonly roster: Roster
  // biome-ignore lint/suspicious/noExplicitAny: timers of any item type
  readonly timers = new Set<WatchdogTimer<any>>()
  #ringing: Promise<void> | undefined
  #again = false

  constructor(run: Run) {
    this.run = run
    this.pages = new Pages(run)
    this.keeper = run.store.caretaker?.(run) ?? new Keeper(run, this.pages)
    this.roster = new Roster(run)
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
