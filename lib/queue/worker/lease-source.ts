// Where the leases of one timer come from: a claim on the pages, as soon as there is something to claim; before
// it, what an earlier claim may have leased without an answer.

import { Deadline } from '../../util/wait'
import type { AttachedQueue } from '../members/attached-queue'
import type { ClaimTokens } from './claim-tokens'
import { ItemWaiter } from './item-waiter'
import { KICKS_PER_TIMER, type Kicks } from './kicks'
import type { LeaseTicket } from './lease'
import type { LeaseTickets } from './lease-tickets'
import type { PrefetchedClaims } from './prefetched-claims'

/** A claim without an answer: its items may be leased to us. */
interface Doubt {
  readonly page: string
  readonly token: string
}

/** What a lease source works with. */
export interface SourceParts {
  readonly queue: AttachedQueue
  readonly wid: string
  readonly kicks: Kicks
  readonly tokens: ClaimTokens
  readonly tickets: LeaseTickets
  readonly prefetched: PrefetchedClaims
  /** Aborts when the timer is gone. */
  readonly signal: AbortSignal
  /** Throws when the timer has ended or is gone. */
  readonly assertLive: () => void
}

export class LeaseSource {
  readonly #parts: SourceParts
  #doubts: Doubt[] = []

  constructor(parts: SourceParts) {
    this.#parts = parts
  }

  /** Up to `max` leases; waits for the first. Undefined: none in time, or done. */
  async next(max: number, waitMs: number, signal?: AbortSignal): Promise<LeaseTicket[] | undefined> {
    signal?.throwIfAborted()
    this.#parts.assertLive()
    const first = await this.#take(max)
    if (first === 'done') return undefined
    if (first !== 'empty') return first
    if (waitMs === 0) return undefined
    return this.#wait(max, new Deadline(waitMs), signal)
  }

  async #wait(max: number, deadline: Deadline, signal?: AbortSignal): Promise<LeaseTicket[] | undefined> {
    const { queue, kicks, tickets, assertLive } = this.#parts
    const { incarnation, reaper } = queue
    const waiter = new ItemWaiter(incarnation)
    const release = reaper.hold()
    const either = signal === undefined ? this.#parts.signal : AbortSignal.any([signal, this.#parts.signal])
    try {
      await waiter.watch()
      for (;;) {
        const taken = await this.#take(max)
        if (taken === 'done') return undefined
        if (taken !== 'empty') return taken
        let isNews = false
        while (!isNews) {
          if (deadline.over) return undefined
          // The library waits, so it kicks, unless user code still has a lease and should do so itself.
          if (tickets.areIdle) kicks.touch()
          const pause = incarnation.settings.timerMs / KICKS_PER_TIMER
          const due = await queue.pages.chooser.msToDue()
          isNews = (await waiter.wait(Math.min(deadline.left, pause, due), either)) || due <= pause
          assertLive()
        }
      }
    } finally {
      waiter.stop()
      release()
    }
  }

  async #take(max: number): Promise<LeaseTicket[] | 'empty' | 'done'> {
    const { queue, wid, kicks, tokens, tickets, prefetched } = this.#parts
    await prefetched.endAll()
    const adopted = await this.#adopt()
    if (adopted !== undefined) return adopted
    const { token } = tokens.next()
    let tried: string | undefined
    try {
      const taken = await queue.pages.chooser.claim({ token, wid, max }, (page) => {
        tried = page
      })
      if (typeof taken === 'string') return taken
      kicks.touch()
      return await tickets.add(taken.page, taken.result)
    } catch (error) {
      // The items may be leased to us: the next try looks there first.
      if (tried !== undefined) this.#doubts.push({ page: tried, token })
      throw error
    }
  }

  /** Takes up what a claim that ended in an error had leased all the same. */
  async #adopt(): Promise<LeaseTicket[] | undefined> {
    const { queue, tickets } = this.#parts
    for (;;) {
      // Whoever else looks meanwhile must not find the same one.
      const doubt = this.#doubts.shift()
      if (doubt === undefined) return undefined
      try {
        const held = await queue.pages.chooser.claimed(doubt.page, doubt.token)
        if (held !== undefined) return await tickets.add(doubt.page, held)
      } catch (error) {
        this.#doubts.push(doubt)
        throw error
      }
    }
  }
}
