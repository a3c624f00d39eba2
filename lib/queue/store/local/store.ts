// A queue's state in the files of this machine: members, pages and states in SQLite, timers in the
// slots of a board beside it. No server, no session, and no ambiguous answers: a call has been
// carried out when it returns, or it has not.

import path from 'node:path'
import { monotonicMs } from '../../../util/clock'
import { WatchdogError } from '../../../util/errors'
import {
  ANY_VERSION,
  type CreateOutcome,
  type DeleteOutcome,
  type NodeInfo,
  type SetOptions,
  type SetOutcome,
  type Store,
  type StoredNode,
  type WatchKind,
} from '../store'
import { LocalAckLogs } from './ack-logs'
import { breathe, retryWhileBusy } from './busy-retry'
import type { PlaceTrust } from './connection'
import { databaseError, isDatabaseBusy } from './database-errors'
import { folderError } from './folder-errors'
import { loadLibsql } from './libsql'
import { makeQueueFolder, QueueFolder } from './queue-folder'
import { parentOf } from './timer-slots'
import { readWallClock } from './wall-clock'
import { LocalWatches } from './watches'

/** About how long the kernel takes from a SIGKILL to telling of it. */
const DEATH_DELAY_MS = 20

export interface LocalOptions {
  readonly url: string
  readonly directory: string
  /** How long a call waits while another process holds the database. */
  readonly busyLimitMs: number
  readonly trust: PlaceTrust
}

export class LocalStore implements Store {
  readonly url: string
  readonly session = undefined
  readonly needsLeader = false
  readonly deathDelayMs = DEATH_DELAY_MS
  neighbour?: (url: string) => Promise<Store>
  readonly logs: LocalAckLogs
  readonly #directory: string
  readonly #busyLimitMs: number
  readonly #trust: PlaceTrust
  readonly #watches: LocalWatches
  #folder: QueueFolder | undefined
  #isClosed = false

  private constructor({ url, directory, busyLimitMs, trust }: LocalOptions) {
    this.#trust = trust
    this.url = url
    this.logs = new LocalAckLogs(() => this.#folder, url)
    this.#directory = path.resolve(directory)
    this.#busyLimitMs = busyLimitMs
    const self = this
    this.#watches = new LocalWatches({
      get folder() {
        return self.#folder
      },
      look: () => this.#look(),
    })
  }

  /** Opens what is there, if anything is. Makes nothing. */
  static async connect(options: LocalOptions): Promise<LocalStore> {
    loadLibsql()
    const store = new LocalStore(options)
    await store.#look()
    return store
  }

  #assertOpen(): void {
    if (!this.#isClosed) return
    throw new WatchdogError('ERR_CLOSED', `This handle of ${this.url} is closed`, { retryable: false })
  }

  /** Runs `work` until the database is free; at once, if it is. Its errors become the queue's. */
  #whenFree<T>(doing: string, work: () => T): T | Promise<T> {
    const turn = breathe()
    if (turn !== undefined) return turn.then(() => this.#try(doing, work))
    return this.#try(doing, work)
  }

  #try<T>(doing: string, work: () => T): T | Promise<T> {
    this.#assertOpen()
    try {
      return work()
    } catch (error) {
      if (isDatabaseBusy(error)) return this.#retry(doing, work)
      throw folderError(databaseError(error, doing, this.#directory), this.url)
    }
  }

  async #retry<T>(doing: string, work: () => T): Promise<T> {
    const guarded = () => {
      this.#assertOpen()
      return work()
    }
    try {
      return await retryWhileBusy(guarded, { doing, path: this.#directory, limitMs: this.#busyLimitMs })
    } catch (error) {
      throw folderError(error, this.url)
    }
  }

  /** Drops a folder that is gone, opens one that has come. */
  async #look(): Promise<void> {
    await this.#whenFree('open', () => this.#find())
  }

  #find(): QueueFolder | undefined {
    if (this.#folder?.isThere) return this.#folder
    this.#drop()
    this.#folder = QueueFolder.open(this.#directory, this.url, this.#trust)
    if (this.#folder !== undefined) this.#watches.follow()
    return this.#folder
  }

  #drop(): void {
    const folder = this.#folder
    if (folder === undefined) return
    this.#folder = undefined
    this.logs.close()
    folder.close()
    this.#watches.follow()
  }

  /** Of the root: the folder may have changed. Below it, one that is gone has no nodes any more. */
  #folderFor(node: string): QueueFolder | undefined {
    return node === '' ? this.#find() : this.#folder
  }

  async get(node: string): Promise<StoredNode | undefined> {
    return this.#whenFree('read', () => {
      const folder = this.#folderFor(node)
      const slot = folder?.slots.get(node)
      if (slot !== undefined) return { ...slot, changedAt: slot.version, children: 0 }
      const row = folder?.database.get(node)
      if (row === undefined) return undefined
      const { data, version, born, changed, children } = row
      return { data, version, born, changedAt: changed, children }
    })
  }

  /** A look at this machine's own memory costs no more than to know when it would be in vain. */
  recall(node: string): Promise<StoredNode | undefined> {
    return this.get(node)
  }

  async info(node: string): Promise<NodeInfo | undefined> {
    const found = await this.get(node)
    if (found === undefined) return undefined
    const { version, born, changedAt, children } = found
    return { version, born, changedAt, children: children + (this.#folder?.slots.names(node).length ?? 0) }
  }

  async list(node: string): Promise<string[] | undefined> {
    return this.#whenFree('read', () => {
      const folder = this.#folderFor(node)
      if (folder === undefined) return undefined
      const names = folder.database.list(node)
      if (names.length === 0 && folder.database.get(node) === undefined) return undefined
      return [...names, ...folder.slots.names(node)]
    })
  }

  async create(
    node: string,
    data: Uint8Array,
    options: { ephemeral?: boolean } = {},
  ): Promise<CreateOutcome> {
    return this.#whenFree('write to', () => {
      if (node === '') return this.#createRoot(data)
      const folder = this.#folder
      if (folder === undefined) return 'orphan'
      const made = options.ephemeral
        ? this.#createSlot(folder, node, data)
        : this.#createRow(folder, node, data)
      if (made === 'created') folder.announce()
      return made
    })
  }

  #createRoot(data: Uint8Array): CreateOutcome {
    for (;;) {
      const folder = this.#find()
      if (folder === undefined) {
        if (makeQueueFolder(this.#directory, data, this.#trust) === 'created')
          return this.#find() ? 'created' : 'orphan'
        continue
      }
      if (folder.database.get('') !== undefined) return 'exists'
      // Emptied by a destroyer that was then killed: its folder is taken over.
      this.#remove(folder)
    }
  }

  #createRow(folder: QueueFolder, node: string, data: Uint8Array): CreateOutcome {
    const { database } = folder
    const parent = parentOf(node)
    for (;;) {
      if (database.insert(node, parent, data)) return 'created'
      if (database.get(node) !== undefined) return 'exists'
      if (database.get(parent) === undefined) return 'orphan'
      // Another process has made the parent, or taken the node away, since we tried.
    }
  }

  #createSlot(folder: QueueFolder, node: string, data: Uint8Array): CreateOutcome {
    return folder.database.exclusively(() => {
      if (!folder.isThere || folder.database.get(parentOf(node)) === undefined) return 'orphan'
      return folder.slots.create(node, data)
    })
  }

  async set(node: string, data: Uint8Array, version: number, options: SetOptions = {}): Promise<SetOutcome> {
    const missing: SetOutcome = { kind: 'missing', maybeApplied: false }
    const outcome = await this.#whenFree<SetOutcome>('write to', () => {
      const folder = this.#folderFor(node)
      if (folder === undefined) return missing
      const { database, slots } = folder
      const changedAt = monotonicMs()
      if (slots.owns(node)) {
        if (!slots.kick(node, data)) return missing
        return { kind: 'set', info: { version: changedAt, changedAt } }
      }
      if (version === ANY_VERSION) {
        const now = database.overwrite(node, data, changedAt)
        if (now === undefined) return missing
        return { kind: 'set', info: { version: now, changedAt } }
      }
      if (database.update(node, data, version, changedAt)) {
        return { kind: 'set', info: { version: version + 1, changedAt } }
      }
      return database.get(node) === undefined ? missing : { kind: 'conflict', maybeApplied: false }
    })
    if (outcome.kind !== 'set') return outcome
    if (!options.quiet && !this.#folder?.slots.owns(node)) this.#folder?.announce()
    if (options.durable || node === '') await this.#folder?.database.flush()
    return outcome
  }

  async delete(node: string, version: number): Promise<DeleteOutcome> {
    return this.#whenFree('write to', () => {
      const folder = this.#folderFor(node)
      if (folder === undefined) return 'missing'
      if (node === '') return this.#deleteRoot(folder, version)
      const { database, slots } = folder
      if (slots.owns(node)) {
        slots.release(node)
        folder.announce()
        return 'deleted'
      }
      if (slots.has(node)) return this.#revoke(folder, node, version)
      if (database.remove(node, version)) {
        folder.announce()
        return 'deleted'
      }
      const row = database.get(node)
      if (row === undefined) return 'missing'
      return version === ANY_VERSION || row.version === version ? 'notEmpty' : 'conflict'
    })
  }

  #revoke(folder: QueueFolder, node: string, version: number): DeleteOutcome {
    const { database, slots } = folder
    const outcome = database.exclusively(() =>
      slots.revoke(node, version === ANY_VERSION ? undefined : version),
    )
    // Again, for an owner that looked between the first time and the commit.
    slots.announceRevocation()
    return outcome
  }

  #deleteRoot(folder: QueueFolder, version: number): DeleteOutcome {
    const row = folder.database.get('')
    if (row === undefined) return 'missing'
    if (row.children > 0 || folder.slots.names('').length > 0) return 'notEmpty'
    if (version !== ANY_VERSION && row.version !== version) return 'conflict'
    return this.#remove(folder) ? 'deleted' : 'notEmpty'
  }

  /** Takes the folder away if nothing is in it; false when something is. */
  #remove(folder: QueueFolder): boolean {
    const { database } = folder
    const gone = database.exclusively(() => {
      if (!folder.isThere) return undefined
      if ((database.get('')?.children ?? 0) > 0) return 'full' as const
      folder.slots.announceRevocation()
      database.removeTree('')
      return folder.moveAway()
    })
    if (gone === 'full') return false
    folder.announce()
    this.#drop()
    if (gone !== undefined) folder.remove(gone)
    return true
  }

  /** In one transaction. */
  async deleteTree(node: string): Promise<void> {
    await this.#whenFree('write to', () => {
      this.#folder?.database.removeTree(node)
      // Acks are not to be recorded for a state that is gone.
      this.#folder?.slots.announceRevocation()
      this.#folder?.announce()
    })
  }

  guardPath(node: string): string | undefined {
    return this.#folder?.slots.guardPath(node)
  }

  /** Nothing lags behind here; what was read in this turn of the event loop is read again. */
  async sync(): Promise<void> {
    this.#folder?.slots.expireView()
  }

  async now(): Promise<number | undefined> {
    return this.#folder === undefined ? undefined : monotonicMs()
  }

  async time(node: string): Promise<number | undefined> {
    return this.#whenFree('read the clock of', () => {
      const folder = this.#folder
      return folder && readWallClock(folder.database, node)
    })
  }

  /** Missing directories are made with the queue. */
  async createParents(): Promise<void> {}

  async watch(node: string, kind: WatchKind, listener: () => void): Promise<() => void> {
    this.#assertOpen()
    return this.#watches.add(node, kind, listener)
  }

  /** No connection, so no trouble with it. */
  onEvent(): () => void {
    return () => {}
  }

  async look(): Promise<never> {
    throw new WatchdogError(
      'ERR_UNSUPPORTED',
      `node() and exists() look into ZooKeeper; ${this.url} is kept in files of this machine`,
    )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#watches.end()
    const folder = this.#folder
    this.#folder = undefined
    this.logs.close()
    folder?.close()
  }
}
