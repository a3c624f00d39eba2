// Timers whose process is dead, and whose commands are being ended: `rollcall work` has a helper that holds the lock of
// a file until the last of them is gone. So long the timer counts as there, and nobody takes over what it held.

import path from 'node:path'
import { isLockHeld } from '../../../scoreboard/held-lock'
import { namesIn, removeFile, statsOf } from '../../../util/trust'

const PREFIX = 'guard-'
/** As `fileOf` makes them: a path ends with the id of a timer, and that with a random number. */
const NAME = /^guard-((?:[\w.!~*'()-]|%[0-9A-F]{2})*~[0-9a-f]{12})$/
/** Longer than the steps in which a file system dates changes: what is dated so lately may change again unseen. */
const DATE_STEP_MS = 50

export function isGuardName(name: string): boolean {
  return NAME.test(name)
}

/** The node that a file in the folder guards; undefined: it is no guard of ours. */
function nodeOf(name: string): string | undefined {
  const [, encoded] = NAME.exec(name) ?? []
  try {
    return encoded === undefined ? undefined : decodeURIComponent(encoded)
  } catch {
    return undefined
  }
}

export class Guards {
  readonly #folder: string
  readonly #kept = new Set<string>()
  /** The date of the folder when all guards in it were known; undefined: they are not. */
  #knownAt: number | undefined

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
      removeFile(this.fileOf(node))
    }
    return freed
  }

  /** Its slot is alive: that says more. */
  release(node: string): void {
    this.#kept.delete(node)
  }

  /**
   * Those that count as there though their slots were never seen alive: of timers that died before this process
   * looked, or between two looks. Usually one `lstat` of the folder.
   */
  findKept(live: ReadonlySet<string>): string[] {
    const changedAt = statsOf(this.#folder)?.mtimeMs
    if (changedAt === this.#knownAt) return []
    const sinceMs = Date.now() - (changedAt ?? 0)
    this.#knownAt = sinceMs > DATE_STEP_MS ? changedAt : undefined
    const nodes = (namesIn(this.#folder) ?? []).flatMap((name) => nodeOf(name) ?? [])
    return nodes.filter((node) => !live.has(node) && this.keeps(node))
  }
}
