// Nodes that are asked for again and again and seldom change, such as the records of a thousand workers: read with a
// watch and remembered until it fires, so that the next look costs no request.
//
// What is remembered is as new as the last answer of this session: the server tells of a change before it answers
// anything with a later state. A node is watched from the second look on that finds it unchanged by then: whoever
// looks once sets no watches, and a node that changes between all looks is read without one half of the time.

import type { StoredNode } from '../store'
import type { SessionEvent } from './protocol'

/** A connection that comes back names all watched paths in one message, and servers take 1 MiB. */
const MAX_WATCHED_BYTES = 512 * 1024
const MAX_SEEN = 20_000

type Read = (path: string, watch: boolean) => Promise<StoredNode | undefined>

interface Reading {
  /** Whether something was told of the node meanwhile: before the answer, or after it. */
  isStale: boolean
}

export class RememberedNodes {
  readonly #read: Read
  readonly #known = new Map<string, StoredNode>()
  readonly #readings = new Map<string, Set<Reading>>()
  /** Read without a watch, and not told of since. */
  readonly #seen = new Set<string>()
  readonly #watched = new Set<string>()
  #watchedBytes = 0

  constructor(read: Read) {
    this.#read = read
  }

  async get(path: string): Promise<StoredNode | undefined> {
    const known = this.#known.get(path)
    if (known !== undefined) return known
    const isWatched = this.#seen.has(path) && this.#watchedBytes + path.length <= MAX_WATCHED_BYTES
    return isWatched ? this.#readWatched(path) : this.#readOnce(path)
  }

  #readOnce(path: string): Promise<StoredNode | undefined> {
    if (this.#seen.size >= MAX_SEEN) this.#seen.clear()
    this.#seen.add(path)
    return this.#read(path, false)
  }

  async #readWatched(path: string): Promise<StoredNode | undefined> {
    const readings = this.#readings.get(path) ?? new Set()
    const reading = { isStale: false }
    this.#readings.set(path, readings.add(reading))
    try {
      const node = await this.#read(path, true)
      // One that is missing has no watch either.
      if (node === undefined) this.#seen.delete(path)
      else if (!reading.isStale) this.#remember(path, node)
      return node
    } finally {
      readings.delete(reading)
      if (readings.size === 0 && this.#readings.get(path) === readings) this.#readings.delete(path)
    }
  }

  #remember(path: string, node: StoredNode): void {
    this.#known.set(path, node)
    if (this.#watched.has(path)) return
    this.#watched.add(path)
    this.#watchedBytes += path.length
  }

  receive({ kind, path }: Extract<SessionEvent, { type: 'watch' }>): void {
    if (kind === 'child') return
    for (const reading of this.#readings.get(path) ?? []) reading.isStale = true
    this.#known.delete(path)
    this.#seen.delete(path)
    if (this.#watched.delete(path)) this.#watchedBytes -= path.length
  }

  /** All watches went with their session. */
  forget(): void {
    for (const readings of this.#readings.values()) for (const reading of readings) reading.isStale = true
    this.#known.clear()
    this.#seen.clear()
    this.#watched.clear()
    this.#watchedBytes = 0
  }
}
