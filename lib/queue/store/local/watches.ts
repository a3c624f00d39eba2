// Wake-up on one machine: whoever changes a watched node adds 1 to a shared counter of the board,
// and the kernel tells of deaths. Each wake-up compares what is watched with how it was.
//
// While there is no queue there is nobody to tell, so then the folder is looked for ten times a second.

import type { WatchKind } from '../store'
import type { QueueFolder } from './queue-folder'

const LOOK_MS = 100
const GUARDED_MS = 20

interface Watch {
  readonly path: string
  readonly kind: WatchKind
  readonly listener: () => void
  stamp: string
}

/** What the watches need of their store. */
export interface WatchedStore {
  readonly folder: QueueFolder | undefined
  /** Looks for the folder again: drops one that is gone, opens one that has come. */
  look(): Promise<void>
}

export class LocalWatches {
  readonly #store: WatchedStore
  readonly #watches = new Set<Watch>()
  #stop: AbortController | undefined
  #followed: QueueFolder | undefined
  #timer: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined

  constructor(store: WatchedStore) {
    this.#store = store
  }

  add(path: string, kind: WatchKind, listener: () => void): () => void {
    const watch = { path, kind, listener, stamp: '' }
    watch.stamp = this.#stamp(watch)
    this.#watches.add(watch)
    if (this.#followed === undefined || this.#followed !== this.#store.folder) this.follow()
    return () => {
      this.#watches.delete(watch)
      if (this.#watches.size === 0) this.#rest()
    }
  }

  /** Listens to the store's folder, or for one to come. To be called when the folder has changed. */
  follow(): void {
    if (this.#watches.size === 0) return
    const { folder } = this.#store
    if (folder !== undefined) {
      if (this.#followed === folder) return
      this.#rest()
      this.#followed = folder
      this.#stop = new AbortController()
      void this.#listen(folder, this.#stop.signal)
    } else {
      if (this.#followed !== undefined) this.#rest()
      this.#timer ??= setInterval(() => void this.#store.look().catch(() => {}), LOOK_MS)
    }
    this.compare()
  }

  #rest(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#again)
    this.#again = undefined
    this.#timer = undefined
    this.#followed = undefined
    this.#stop?.abort()
    this.#stop = undefined
  }

  async #listen(folder: QueueFolder, signal: AbortSignal): Promise<void> {
    try {
      for await (const _ of folder.board.watch({ signal })) {
        if (signal.aborted) return
        folder.slots.expireView()
        if (!folder.isThere) break
        this.compare()
      }
    } catch {
      // Aborted, or the board has been replaced or removed: the store finds out which.
    }
    if (signal.aborted) return
    this.#followed = undefined
    await this.#store.look().catch(() => {})
    this.follow()
  }

  /** Calls those whose nodes are not as they were. */
  compare(): void {
    for (const watch of [...this.#watches]) {
      const stamp = this.#stamp(watch)
      if (stamp === watch.stamp) continue
      watch.stamp = stamp
      watch.listener()
    }
    this.#lookAgain()
  }

  /** While the commands of a dead worker are being ended, which nobody announces. */
  #lookAgain(): void {
    const slots = this.#store.folder?.slots
    if (this.#again !== undefined || this.#watches.size === 0 || !slots?.hasGuarded) return
    this.#again = setTimeout(() => {
      this.#again = undefined
      slots.expireView()
      this.compare()
    }, GUARDED_MS)
  }

  /** Differs after each change of that kind. */
  #stamp({ path, kind }: Watch): string {
    const { folder } = this.#store
    if (folder === undefined) return 'nowhere'
    const { database, slots } = folder
    try {
      if (kind === 'children') return `${database.childrenStamp(path)} ${slots.movesBelow(path)}`
      if (kind === 'gone') return String(slots.has(path) || database.stamp(path) !== 'undefined')
      return database.stamp(path)
    } catch {
      // Busy, or just gone: as good as a change.
      return `? ${Math.random()}`
    }
  }

  end(): void {
    this.#watches.clear()
    this.#rest()
  }
}
