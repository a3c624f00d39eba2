// Watches that stay: ZooKeeper's fire once, so each is set again before its listener is told.
// Requests of one session are carried out in order, so what the listener reads next is at least as
// new as the watch, and no change falls between the two. One watch serves all listeners of a path.

import type { WatchKind } from '../store'
import type { CallOutcome } from './connection'
import { NO_NODE, OK, type Reply, type Request, type SessionEvent } from './protocol'

/** With what came along, where the watch is set by reading the node. */
type Listener = (reply?: Reply) => void

interface Watched {
  readonly path: string
  readonly kind: WatchKind
  readonly listeners: Set<Listener>
}

type Send = (request: Request) => Promise<CallOutcome>

export class ZookeeperWatches {
  readonly #watched = new Map<string, Watched>()
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  async add(path: string, kind: WatchKind, listener: Listener): Promise<() => void> {
    const key = `${kind}:${path}`
    const entry = this.#watched.get(key) ?? { path, kind, listeners: new Set() }
    this.#watched.set(key, entry)
    entry.listeners.add(listener)
    const stop = () => {
      entry.listeners.delete(listener)
      if (entry.listeners.size === 0 && this.#watched.get(key) === entry) this.#watched.delete(key)
    }
    try {
      const reply = await this.#arm(entry)
      if (reply !== undefined) listener(reply)
    } catch (error) {
      stop()
      throw error
    }
    return stop
  }

  /** Sets the watch. A leaf has no children, so watching those tells its end and not its changes. */
  async #arm(entry: Watched): Promise<Reply | undefined> {
    const { path, kind } = entry
    const op = kind === 'data' ? 'info' : kind === 'node' ? 'get' : 'list'
    for (;;) {
      const outcome = await this.#send({ op, path, watch: true })
      if (outcome.kind === 'interrupted') continue
      if (kind === 'node' && outcome.reply.rc === OK) return outcome.reply
      if (outcome.reply.rc !== NO_NODE || kind === 'data') return
      if (kind === 'gone') return void this.#notify(entry)
      const created = await this.#send({ op: 'info', path, watch: true })
      if (created.kind === 'reply') return created.reply.rc === NO_NODE ? undefined : this.#arm(entry)
    }
  }

  #notify(entry: Watched, reply?: Reply): void {
    for (const listener of [...entry.listeners]) listener(reply)
  }

  /** Sets the watch again and tells. Where setting it was interrupted, tells once more: something may have been missed. */
  #renew(entry: Watched, again: boolean): void {
    if (entry.listeners.size === 0) return
    const isBrought = entry.kind === 'node'
    this.#arm(entry).then(
      (reply) => {
        if (again || isBrought) this.#notify(entry, reply)
      },
      () => this.#notify(entry),
    )
    if (!again && !isBrought) this.#notify(entry)
  }

  receive({ kind, path }: Extract<SessionEvent, { type: 'watch' }>): void {
    const kinds: WatchKind[] =
      kind === 'child'
        ? ['children', 'gone']
        : kind === 'deleted'
          ? ['children', 'gone', 'data', 'node']
          : ['data', 'node', 'children']
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
