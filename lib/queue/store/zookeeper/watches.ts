// Watches that stay: ZooKeeper's fire once, so each is set again before its listener is told.
// Requests of one session are carried out in order, so what the listener reads next is at least as
// new as the watch, and no change falls between the two. One watch serves all listeners of a path.

import type { WatchKind } from '../store'
import type { CallOutcome } from './connection'
import { NO_NODE, type Request, type SessionEvent } from './protocol'

interface Watched {
  readonly path: string
  readonly kind: WatchKind
  readonly listeners: Set<() => void>
}

type Send = (request: Request) => Promise<CallOutcome>

export class ZookeeperWatches {
  readonly #watched = new Map<string, Watched>()
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  async add(path: string, kind: WatchKind, listener: () => void): Promise<() => void> {
    const key = `${kind}:${path}`
    const entry = this.#watched.get(key) ?? { path, kind, listeners: new Set() }
    this.#watched.set(key, entry)
    entry.listeners.add(listener)
    const stop = () => {
      entry.listeners.delete(listener)
      if (entry.listeners.size === 0 && this.#watched.get(key) === entry) this.#watched.delete(key)
    }
    try {
      await this.#arm(entry)
    } catch (error) {
      stop()
      throw error
    }
    return stop
  }

  /** Sets the watch. A leaf has no children, so watching those tells its end and not its changes. */
  async #arm(entry: Watched): Promise<void> {
    const { path, kind } = entry
    const op = kind === 'data' ? 'info' : 'list'
    for (;;) {
      const outcome = await this.#send({ op, path, watch: true })
      if (outcome.kind === 'interrupted') continue
      if (outcome.reply.rc !== NO_NODE || kind === 'data') return
      if (kind === 'gone') return this.#notify(entry)
      const created = await this.#send({ op: 'info', path, watch: true })
      if (created.kind === 'reply') return created.reply.rc === NO_NODE ? undefined : this.#arm(entry)
    }
  }

  #notify(entry: Watched): void {
    for (const listener of [...entry.listeners]) listener()
  }

  /** Sets the watch again and tells. Where setting it was interrupted, tells once more: something may have been missed. */
  #renew(entry: Watched, again: boolean): void {
    if (entry.listeners.size === 0) return
    this.#arm(entry).then(
      () => {
        if (again) this.#notify(entry)
      },
      () => this.#notify(entry),
    )
    if (!again) this.#notify(entry)
  }

  receive({ kind, path }: Extract<SessionEvent, { type: 'watch' }>): void {
    const kinds: WatchKind[] =
      kind === 'child'
        ? ['children', 'gone']
        : kind === 'deleted'
          ? ['children', 'gone', 'data']
          : ['data', 'children']
    for (const one of kinds) {
      const entry = this.#watched.get(`${one}:${path}`)
      if (entry === undefined) continue
      if (one === 'gone' && kind === 'deleted') this.#notify(entry)
      else this.#renew(entry, false)
    }
  }

  /** All watches went with their session. */
  renewAll(): void {
    for (const entry of [...this.#watched.values()]) this.#renew(entry, true)
  }

  /** Wakes every listener, for them to find the store closed. */
  end(): void {
    const entries = [...this.#watched.values()]
    this.#watched.clear()
    for (const entry of entries) this.#notify(entry)
  }
}
