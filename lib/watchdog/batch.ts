// How many items to lease at once. More than one saves writes; too many let a slow worker hoard
// what others could do. So a batch starts at one, grows while it is expected to end soon, and
// never takes more than a fair share of what is left.

import type { Attachment } from './attachment'

const MAX_BATCH = 500
const BATCH_MS = 200
/** A batch is at most this part of one worker's fair share. */
const SHARE = 4
const COUNT_MS = 1000

export class Batch {
  readonly #attachment: Attachment
  #last = 0
  #begun = 0
  #msPerItem = Number.POSITIVE_INFINITY
  #workers = 1
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(attachment: Attachment) {
    this.#attachment = attachment
  }

  async size(): Promise<number> {
    if (this.#last === 0) return 1
    const soon = Math.floor(BATCH_MS / this.#msPerItem)
    const wanted = Math.min(this.#last * 2, soon, MAX_BATCH)
    if (wanted <= 1) return 1
    await this.#count()
    const share = Math.floor(this.#attachment.pages.estimate / (SHARE * this.#workers))
    return Math.max(1, Math.min(wanted, share))
  }

  async #count(): Promise<void> {
    if (performance.now() - this.#countedAt < COUNT_MS) return
    const { run } = this.#attachment
    this.#workers = Math.max(1, (await run.store.info(run.at('timers')))?.children ?? 1)
    this.#countedAt = performance.now()
  }

  begin(items: number): void {
    this.#last = items
    this.#begun = performance.now()
  }

  /** The batch has been handed out, and user code is back for more. */
  end(): void {
    this.#msPerItem = Math.max(0.001, (performance.now() - this.#begun) / this.#last)
  }
}
