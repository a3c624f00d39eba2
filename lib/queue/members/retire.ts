// In a queue that lives for months, workers that have ended go after some time. One that has said so goes by the
// clock of the store; one that has died, or was taken for expired by somebody who died himself, when this process has
// seen it gone for as long.

import { isName } from '../../util/bounds'
import type { Incarnation } from '../incarnation/incarnation'
import { ANY_VERSION } from '../store/store'
import { decodeMember } from './member'

const MIN_LOOK_MS = 1000
const MAX_LOOK_MS = 60_000

export class Retirement {
  readonly #incarnation: Incarnation
  /** Those that are gone, since when: by the monotonic clock. */
  #gone = new Map<string, number>()
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation
  }

  async look(): Promise<void> {
    const { keepMembersMs } = this.#incarnation.settings
    if (keepMembersMs === undefined) return
    const at = performance.now()
    if (at - this.#lookedAt < Math.min(MAX_LOOK_MS, Math.max(MIN_LOOK_MS, keepMembersMs / 4))) return
    this.#lookedAt = at
    const { store } = this.#incarnation
    // In this order: a timer is made before its member and never comes back, so one that is absent now is gone.
    const names = (await store.list(this.#incarnation.at('members'))) ?? []
    const timers = new Set(await store.list(this.#incarnation.at('timers')))
    const gone = new Map<string, number>()
    for (const wid of names) {
      if (!isName(wid) || timers.has(wid)) continue
      const since = this.#gone.get(wid) ?? at - (await this.#endedFor(wid))
      if (at - since < keepMembersMs) gone.set(wid, since)
      else await store.delete(this.#incarnation.at('members', wid), ANY_VERSION)
    }
    this.#gone = gone
  }

  /** How long ago it said that it had ended, in milliseconds; 0 where it never did. */
  async #endedFor(wid: string): Promise<number> {
    const { store } = this.#incarnation
    const node = await store.get(this.#incarnation.at('members', wid))
    if (node === undefined || decodeMember(node.data)?.status === 'running') return 0
    const now = await store.now(this.#incarnation.at('clock'))
    return now === undefined ? 0 : Math.max(0, now - node.changedAt)
  }
}
