// Timers whose process is dead, and whose commands are being ended: `rollcall work` has a helper that holds the lock of
// a file until the last of them is gone. So long the timer counts as there, and nobody takes over what it held.

import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { isLockHeld } from '../../../scoreboard/held-lock'

const PREFIX = 'guard-'

export class Guards {
  readonly #folder: string
  readonly #kept = new Set<string>()

  constructor(folder: string) {
    this.#folder = folder
  }

  fileOf(node: string): string {
    return path.join(this.#folder, PREFIX + encodeURIComponent(node))
  }

  /** Whether a timer whose slot has died counts as there yet. */
  keeps(node: string): boolean {
    if (!isLockHeld(this.fileOf(node))) return false
    this.#kept.add(node)
    return true
  }

  get isKeeping(): boolean {
    return this.#kept.size > 0
  }

  /** Those that count no more since the last time. */
  freed(): string[] {
    if (this.#kept.size === 0) return []
    const freed = [...this.#kept].filter((node) => !isLockHeld(this.fileOf(node)))
    for (const node of freed) {
      this.#kept.delete(node)
      // What somebody who was killed could not remove.
      rmSync(this.fileOf(node), { force: true })
    }
    return freed
  }

  /** Timers of whom some may have died before anybody of this process looked; those in `live` have not. */
  findKept(live: ReadonlySet<string>): string[] {
    const names = readdirSync(this.#folder).filter((name) => name.startsWith(PREFIX))
    return names
      .map((name) => decodeURIComponent(name.slice(PREFIX.length)))
      .filter((node) => !live.has(node) && this.keeps(node))
  }
}
