// A queue's state in the files of this machine: members, pages and states in SQLite, timers in the
// slots of a board beside it. No server, no session, and no ambiguous answers: a call has been
// carried out when it returns, or it has not.

import path from 'node:path'
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
import { databaseError, isBusy, loadLibsql, monotonicMs } from './database'
import { folderError, makeQueueFolder, QueueFolder } from './queue-folder'
import { parentOf } from './timer-slots'
import { LocalWatches } from './watches'

/** About how long the kernel takes from a SIGKILL to telling of it. */
const DEATH_DELAY_MS = 20

export interface LocalOptions {
  readonly url: string
  readonly directory: string
  /** How long a call waits while another process holds the database. */
  readonly patienceMs: number
}

export class LocalStore implements Store {
  readonly url: string
  readonly session = undefined
  readonly needsLeader = false
  readonly deathDelayMs = DEATH_DELAY_MS
  readonly logs: LocalAckLogs
  readonly #directory: string
  readonly #patienceMs: number
  readonly #watches: LocalWatches
  #place: QueueFolder | undefined
  #isClosed = false

  private constructor({ url, directory, patienceMs }: LocalOptions) {
    this.url = url
    this.logs = new LocalAckLogs(() => this.#place, url)
    this.#directory = path.resolve(directory)
    this.#patienceMs = patienceMs
    const self = this
    this.#watches = new LocalWatches({
      get place() {
        return self.#place
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
  #patiently<T>(doing: string, work: () => T): T | Promise<T> {
    const turn = breathe()
    if (turn !== undefined) return turn.then(() => this.#try(doing, work))
    return this.#try(doing, work)
  }

  #try<T>(doing: string, work: () => T): T | Promise<T> {
    this.#assertOpen()
    try {
      return work()
    } catch (error) {
      if (isBusy(error)) return this.#retry(doing, work)
      throw folderError(databaseError(error, doing, this.#directory), this.url)
    }
  }

  async #retry<T>(doing: string, work: () => T): Promise<T> {
    const guarded = () => {
      this.#assertOpen()
      return work()
    }
    try {
      return await retryWhileBusy(guarded, { doing, path: this.#directory, limitMs: this.#patienceMs })
    } catch (error) {
      throw folderError(error, this.url)
    }
  }

  /** Drops a place that is gone, opens one that has come. */
  async #look(): Promise<void> {
    await this.#patiently('open', () => this.#find())
  }

  #find(): QueueFolder | undefined {
    if (this.#place?.isThere) return this.#place
    this.#drop()
    this.#place = QueueFolder.open(this.#directory, this.url)
    if (this.#place !== undefined) this.#watches.follow()
    return this.#place
  }

  #drop(): void {
    const place = this.#place
    if (place === undefined) return
    this.#place = undefined
    this.logs.close()
    place.close()
    this.#watches.follow()
  }

  /** Of the root: the place may have changed. Below it, a place that is gone has no nodes any more. */
  #placeFor(node: string): QueueFolder | undefined {
    return node === '' ? this.#find() : this.#place
  }

  async get(node: string): Promise<StoredNode | undefined> {
    return this.#patiently('read', () => {
      const place = this.#placeFor(node)
      const slot = place?.slots.get(node)
      if (slot !== undefined) return { ...slot, changedAt: slot.version, children: 0 }
      const row = place?.database.get(node)
      if (row === undefined) return undefined
      const { data, version, born, changed, children } = row
      return { data, version, born, changedAt: changed, children }
    })
  }

  async info(node: string): Promise<NodeInfo | undefined> {
    const found = await this.get(node)
    if (found === undefined) return undefined
    const { version, born, changedAt, children } = found
    return { version, born, changedAt, children: children + (this.#place?.slots.names(node).length ?? 0) }
  }

  async list(node: string): Promise<string[] | undefined> {
    return this.#patiently('read', () => {
      const place = this.#placeFor(node)
      if (place === undefined) return undefined
      const names = place.database.list(node)
      if (names.length === 0 && place.database.get(node) === undefined) return undefined
      return [...names, ...place.slots.names(node)]
    })
  }

  async create(
    node: string,
    data: Uint8Array,
    options: { ephemeral?: boolean } = {},
  ): Promise<CreateOutcome> {
    return this.#patiently('write to', () => {
      if (node === '') return this.#createRoot(data)
      const place = this.#place
      if (place === undefined) return 'orphan'
      const made = options.ephemeral
        ? this.#createSlot(place, node, data)
        : this.#createRow(place, node, data)
      if (made === 'created') place.announce()
      return made
    })
  }

  #createRoot(data: Uint8Array): CreateOutcome {
    for (;;) {
      const place = this.#find()
      if (place === undefined) {
        if (makeQueueFolder(this.#directory, data) === 'created') return this.#find() ? 'created' : 'orphan'
        continue
      }
      if (place.database.get('') !== undefined) return 'exists'
      // Emptied by who was then killed: its place is taken over.
      this.#remove(place)
    }
  }

  #createRow(place: QueueFolder, node: string, data: Uint8Array): CreateOutcome {
    const { database } = place
    const parent = parentOf(node)
    if (database.insert(node, parent, data)) return 'created'
    return database.get(parent) === undefined ? 'orphan' : 'exists'
  }

  #createSlot(place: QueueFolder, node: string, data: Uint8Array): CreateOutcome {
    return place.database.exclusively(() => {
      if (!place.isThere || place.database.get(parentOf(node)) === undefined) return 'orphan'
      return place.slots.create(node, data)
    })
  }

  async set(node: string, data: Uint8Array, version: number, options: SetOptions = {}): Promise<SetOutcome> {
    const missing: SetOutcome = { kind: 'missing', maybeApplied: false }
    const outcome = await this.#patiently<SetOutcome>('write to', () => {
      const place = this.#placeFor(node)
      if (place === undefined) return missing
      const { database, slots } = place
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
    if (!options.quiet && !this.#place?.slots.owns(node)) this.#place?.announce()
    if (options.durable || node === '') await this.#place?.database.flush()
    return outcome
  }

  async delete(node: string, version: number): Promise<DeleteOutcome> {
    return this.#patiently('write to', () => {
      const place = this.#placeFor(node)
      if (place === undefined) return 'missing'
      if (node === '') return this.#deleteRoot(place, version)
      const { database, slots } = place
      if (slots.owns(node)) {
        slots.release(node)
        place.announce()
        return 'deleted'
      }
      if (slots.has(node)) return this.#revoke(place, node, version)
      if (database.remove(node, version)) {
        place.announce()
        return 'deleted'
      }
      const row = database.get(node)
      if (row === undefined) return 'missing'
      return version === ANY_VERSION || row.version === version ? 'notEmpty' : 'conflict'
    })
  }

  #revoke(place: QueueFolder, node: string, version: number): DeleteOutcome {
    const { database, slots } = place
    const outcome = database.exclusively(() =>
      slots.revoke(node, version === ANY_VERSION ? undefined : version),
    )
    // Again, for who looked between the first time and the commit.
    slots.announceRevocation()
    return outcome
  }

  #deleteRoot(place: QueueFolder, version: number): DeleteOutcome {
    const row = place.database.get('')
    if (row === undefined) return 'missing'
    if (row.children > 0 || place.slots.names('').length > 0) return 'notEmpty'
    if (version !== ANY_VERSION && row.version !== version) return 'conflict'
    return this.#remove(place) ? 'deleted' : 'notEmpty'
  }

  /** Takes the folder away if nothing is in it; false when something is. */
  #remove(place: QueueFolder): boolean {
    const { database } = place
    const gone = database.exclusively(() => {
      if (!place.isThere) return undefined
      if ((database.get('')?.children ?? 0) > 0) return 'full' as const
      place.slots.announceRevocation()
      database.removeTree('')
      return place.moveAway()
    })
    if (gone === 'full') return false
    place.announce()
    this.#drop()
    if (gone !== undefined) place.remove(gone)
    return true
  }

  /** In one transaction. */
  async deleteTree(node: string): Promise<void> {
    await this.#patiently('write to', () => {
      this.#place?.database.removeTree(node)
      // Acks are not to be recorded for a state that is gone.
      this.#place?.slots.announceRevocation()
      this.#place?.announce()
    })
  }

  /** Nothing lags behind here; what was read in this turn of the event loop is read again. */
  async sync(): Promise<void> {
    this.#place?.slots.expireView()
  }

  async now(): Promise<number | undefined> {
    return this.#place === undefined ? undefined : monotonicMs()
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
    const place = this.#place
    this.#place = undefined
    this.logs.close()
    place?.close()
  }
}
