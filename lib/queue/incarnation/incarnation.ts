// One incarnation of a queue, as an attached handle knows it: one life under its root, from a creation to the
// next destruction. It knows where its nodes are and what was agreed at its creation. All names below the root are made here.
//
//   R                     the queue record (queue-record.ts)
//   R/creating-<id>       ephemeral, while the creator works
//   R/<capability>/       128 random bits: only a reader of R knows them
//     sync                  start barrier
//     timers/<wid>          ephemeral; its version grows with each kick
//     members/<wid>         what became of that worker
//     pages/<page>  states/<page>  open/<page>  open/.hold
//     list                  what a queue of a growing list was made of (list.ts)
//     dead/<page>-<index>   signal   boss (ephemeral: the leader of the reapers)   clock

import { EMPTY } from '../../util/bytes'
import { WatchdogError } from '../../util/errors'
import type { Settings } from '../store/settings'
import { ANY_VERSION, type Store } from '../store/store'
import { decodeRecord, encodeRecord, NEWEST_VERSION, type QueueRecord } from './queue-record'
import { StoreClock } from './store-clock'

/** Among the markers in `open`: more items may come. */
export const HOLD = '.hold'

export class Incarnation {
  #notifying: Promise<void> | undefined
  #again = false
  #isUpgraded = false
  /** For what is not to be leased before its time. */
  readonly clock: StoreClock

  constructor(
    readonly store: Store,
    readonly id: string,
    readonly capability: string,
    readonly settings: Settings,
  ) {
    this.clock = new StoreClock(() => store.time(this.at('clock')))
  }

  /** Whether pages that are done are taken away. */
  get forgetsDone(): boolean {
    return this.settings.keepDone === 'counts'
  }

  /**
   * Before something is written that older versions do not know: from here on they refuse the queue. Those that
   * work on it already refuse the page (ERR_CORRUPT), since what they know of does not add up.
   */
  async upgrade(): Promise<void> {
    while (!this.#isUpgraded) {
      const node = await this.store.get('')
      const record = node && decodeRecord(node.data, this.store.url)
      if (record?.run !== this.id || record.phase === 'closing') throw this.closed()
      if (record.version < NEWEST_VERSION) {
        const upgraded = encodeRecord({ ...record, version: NEWEST_VERSION })
        if ((await this.store.set('', upgraded, node!.version)).kind !== 'set') continue
      }
      this.#isUpgraded = true
    }
  }

  at(...names: string[]): string {
    return [this.capability, ...names].join('/')
  }

  closed(): WatchdogError {
    return new WatchdogError('ERR_CLOSED', `The queue at ${this.store.url} was destroyed`, {
      retryable: false,
    })
  }

  /** Throws ERR_CLOSED when this incarnation is over. What to ask when a node of it is missing. */
  async assertThere(): Promise<QueueRecord> {
    const node = await this.store.get('')
    const record = node && decodeRecord(node.data, this.store.url)
    if (record?.run !== this.id || record.phase === 'closing') throw this.closed()
    return record
  }

  /** Wakes the workers that wait for items; many calls in a row become few writes. */
  async notify(): Promise<void> {
    if (this.#notifying !== undefined) {
      this.#again = true
      return this.#notifying
    }
    this.#notifying = this.#notify().finally(() => {
      this.#notifying = undefined
    })
    return this.#notifying
  }

  async #notify(): Promise<void> {
    do {
      this.#again = false
      await this.store.set(this.at('signal'), EMPTY, ANY_VERSION)
    } while (this.#again)
  }
}

/** The incarnation of a queue that is in use. REQUIRES: `isUsable(record.phase)`. */
export function incarnationOf(store: Store, record: QueueRecord): Incarnation {
  return new Incarnation(store, record.run, record.capability!, record.settings!)
}
