// What a handle has while it is attached to one incarnation of a queue: its pages, its members, the reaper
// that looks after it, and the timers that this handle has made. Master and worker share it.

import type { WatchdogError } from '../../util/errors'
import type { Incarnation } from '../incarnation/incarnation'
import { PageSet } from '../items/page-set'
import type { RemoteReaper } from '../store/store'
import { Members } from './members'
import { Reaper } from './reaper'

/** What is asked of a timer from outside. */
export interface OwnTimer {
  /** Ends it: whatever waits or works on it hears of it. */
  lose(error: WatchdogError): void
  /** Gives back what is still leased; ends it as done where that is nothing. */
  close(): Promise<void>
}

export class AttachedQueue {
  readonly incarnation: Incarnation
  readonly pages: PageSet
  readonly reaper: RemoteReaper
  /** For reports: ages as this handle has seen them. */
  readonly members: Members
  readonly timers = new Set<OwnTimer>()

  constructor(incarnation: Incarnation) {
    this.incarnation = incarnation
    this.pages = new PageSet(incarnation)
    this.reaper = incarnation.store.remoteReaper?.(incarnation) ?? new Reaper(incarnation, this.pages)
    this.members = new Members(incarnation)
  }
}
