// Items that one handle takes for good, without a lease: each counts as done at once.

import { randomName } from '../../util/random-name'
import { consume, consumedItem, MAX_CONSUMERS } from '../page-state/page-state'
import { awake } from './page-chooser'
import type { PageSet } from './page-set'
import { ambiguous } from './settlements'

export class Consumer {
  readonly #name = randomName(4)
  /** Consumes on their way, by slot: each slot is recorded apart, so that each can be recalled. */
  readonly #slots = new Set<number>()
  #count = 0

  /** The next item; undefined where there is none. */
  async next(pages: PageSet): Promise<unknown> {
    let slot = 0
    while (this.#slots.has(slot)) slot++
    this.#slots.add(slot)
    try {
      return await this.#take(pages, `${this.#name}.${slot}`, ++this.#count)
    } finally {
      this.#slots.delete(slot)
    }
  }

  async #take(pages: PageSet, handle: string, seq: number): Promise<unknown> {
    const taken = await pages.chooser.take<number | 'forgotten'>((supply) => ({
      name: 'consume',
      // What was handed out must not be handed out again, not even after a power cut.
      durable: true,
      apply: (state, unsure) => {
        const item = unsure ? consumedItem(state, handle, seq) : undefined
        if (item !== undefined) return { state, result: item }
        return consume(awake(state, supply), { handle, seq, source: supply.source })
      },
    }))
    if (typeof taken === 'string') return undefined
    const { page, result } = taken
    if (result === 'forgotten') {
      const why = `${MAX_CONSUMERS} others have consumed from page ${page} since`
      throw ambiguous('An item may have been consumed and lost with the connection', why)
    }
    const item = await pages.items.item(page, result)
    await pages.open.finishIfComplete(page)
    return item
  }
}
