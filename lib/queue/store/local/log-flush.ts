// Flushing the database's log to the disk: a commit survives the death of any process at once, a power cut only
// after this.

import { closeSync, fdatasync } from 'node:fs'
import { openToRead } from '../../../util/trust'
import { databaseError } from './database-errors'

export class LogFlush {
  readonly #path: string
  #log: number | undefined
  #flushing: Promise<void> | undefined
  #nextFlush: Promise<void> | undefined

  /** @param path the database */
  constructor(path: string) {
    this.#path = path
  }

  /** Resolves when every commit so far is on the disk. Those that wait together share one flush. */
  flush(): Promise<void> {
    if (this.#flushing === undefined) {
      this.#flushing = this.#flush().finally(() => {
        this.#flushing = undefined
      })
      return this.#flushing
    }
    // The one on its way may have begun before the newest commit.
    this.#nextFlush ??= this.#flushing
      .catch(() => {})
      .then(() => {
        this.#nextFlush = undefined
        return this.flush()
      })
    return this.#nextFlush
  }

  async #flush(): Promise<void> {
    // Every commit is in the log first; what has left it for the database was flushed on the way.
    this.#log ??= openToRead(`${this.#path}-wal`).descriptor
    const log = this.#log
    await new Promise<void>((resolve, reject) => {
      fdatasync(log, (cause) => {
        if (cause === null) resolve()
        else reject(databaseError(cause, 'flush', this.#path))
      })
    })
  }

  close(): void {
    const log = this.#log
    this.#log = undefined
    if (log === undefined) return
    const close = () => closeSync(log)
    if (this.#flushing === undefined) close()
    else this.#flushing.then(close, close)
  }
}
