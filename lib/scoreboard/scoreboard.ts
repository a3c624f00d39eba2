// Scoreboard: the public face of a board, for workers and managers alike.

import { isFailure, type NativeBoard, native, Outcome, Verdict } from '../binding'
import { checkOptions, optionalBoolean, optionalInteger, optionalSignal } from '../util/check-options'
import { ScoreboardError } from '../util/errors'
import { type CheckedOptions, checkScoreboardOptions } from './board-options'
import { cursorOf, readChanges } from './changes'
import { claimError, tryToClaim } from './claiming'
import { cleanBoard, retireSlots } from './cleaning'
import { type EncodedStatus, encodeStatus, isBytes, toJson } from './codec'
import { CounterReader, Counters, SharedCounters } from './counters'
import { scoreboardError } from './failures'
import { openBoard } from './open-board'
import { OverflowWriter, removeFilesOfOwner } from './overflow'
import { SlotReader } from './slot-reader'
import { StatusReader } from './status-reader'
import type { Changes, Cursor, ScoreboardOptions, Snapshot, Status, WatchOptions, WorkerEntry } from './types'
import { ChangeWatcher, WatchHub } from './watch'

/** Bytes of a long status that stay in the slot, for whoever cannot read its file. */
const PREVIEW_BYTES = 256

/**
 * Boards of this thread that own a slot. They are kept alive here, because garbage collection
 * must never end a worker, and they say good-bye when the thread or the process exits.
 */
const claimed = new Set<Scoreboard>()

/**
 * The first handle of a thread calls its own bound function, all others one that is theirs together: V8
 * makes a direct call of each only while that place in the code never sees another function.
 */
let hasFirst = false
const { publishTextAt } = native

function closeAllAtExit(): void {
  for (const board of claimed) board.close()
}

/**
 * A scoreboard in shared memory: workers publish what they are doing, managers read all of it,
 * and neither ever waits for the other. After Perl's Parallel::Scoreboard.
 *
 * The same class serves both; a handle takes a slot when it first publishes. A handle belongs to
 * the thread that made it.
 */
export class Scoreboard {
  readonly baseDir: string
  readonly #options: CheckedOptions
  readonly #board: NativeBoard
  readonly #reader: SlotReader
  readonly #all: StatusReader
  readonly #publishText: NativeBoard['publishText']
  readonly #number: number
  /** Whether this is the one handle that publishes with its own bound function. */
  readonly #isFirst: boolean
  readonly #counterReader: CounterReader
  readonly #hub: WatchHub
  /** Board-wide integers that any worker may add to. */
  readonly shared: SharedCounters
  #counters: Counters | undefined
  #workerId: string | undefined
  #files: OverflowWriter | undefined
  /** Whether some overflow file may have to go after the next update. */
  #hasFiles = false
  #isClosed = false
  #ownKey: string | undefined

  /**
   * Opens the board in `baseDir`, and makes it when it is missing.
   *
   * @throws {TypeError | RangeError} an option is wrong; nothing was touched
   * @throws {ScoreboardError} the board cannot be made, opened or trusted
   */
  constructor(options: ScoreboardOptions) {
    this.#options = checkScoreboardOptions(options)
    this.baseDir = this.#options.baseDir
    this.#board = openBoard(this.#options)
    this.#publishText = this.#board.publishText
    this.#number = this.#board.number
    this.#isFirst = !hasFirst
    hasFirst = true
    this.#counterReader = new CounterReader(this.#board)
    this.#hub = new WatchHub(this.#board)
    this.shared = new SharedCounters(this.#board, this.#options.readOnly)
    this.#reader = new SlotReader(this.#board, this.baseDir, this.#options.maxStatusBytes)
    this.#all = new StatusReader(this.#board, this.#reader)
  }

  /** The id of this worker; undefined until a slot is claimed. */
  get workerId(): string | undefined {
    return this.#workerId
  }

  /** `<slot>-<epoch>` of this worker, which is nobody else's; undefined until a slot is claimed. @internal */
  get ownKey(): string | undefined {
    return this.#ownKey
  }

  /** Of the file: a board that takes another's place has its own. @internal */
  get boardId(): string {
    return this.#board.boardId
  }

  /**
   * Takes a slot without publishing a status. `update()` does this by itself.
   *
   * @throws {ScoreboardError} `ERR_ID_IN_USE`, `ERR_BOARD_FULL`, `ERR_BUSY`, `ERR_READ_ONLY`,
   * `ERR_BOARD_REPLACED`, `ERR_CLOSED`
   */
  claim(): void {
    this.#checkWritable('claim a slot')
    if (this.#workerId !== undefined) return
    const { workerId, isExplicitId } = this.#options
    const ours = isExplicitId ? undefined : this.#idsOfThisThread()
    for (let suffix = 1; ; suffix++) {
      const id = suffix === 1 ? workerId : `${workerId}#${suffix}`
      if (ours?.has(id)) continue
      const slot = tryToClaim(this.#board, id)
      if (!isFailure(slot)) {
        this.#workerId = id
        this.#settleIn(slot.slot, slot.epoch)
        if (slot.endedEpoch > 0) {
          const { boardId } = this.#board
          const generation = slot.endedGeneration
          removeFilesOfOwner(this.baseDir, { boardId, slot: slot.slot, epoch: slot.endedEpoch, generation })
        }
        return
      }
      if (slot.code !== 'ID_IN_USE' || isExplicitId) throw claimError(this.baseDir, this.#board, id, slot)
    }
  }

  /**
   * Publishes what this worker is doing. The first call claims a slot. A status of at most
   * `inlineBytes` costs no system call; a longer one goes to an overflow file.
   *
   * @throws {TypeError} the status cannot be encoded
   * @throws {ScoreboardError} `ERR_STATUS_TOO_LARGE`, `ERR_OVERFLOW_WRITE` (the status before
   * stays published), `ERR_BOARD_REPLACED` (noticed within a second), and those of `claim()`
   */
  update(status: Status): void {
    const outcome =
      typeof status !== 'string'
        ? this.#publishOther(status)
        : this.#isFirst
          ? this.#publishText(status)
          : publishTextAt(this.#number, status)
    if (outcome !== undefined || this.#hasFiles) this.#afterPublish(outcome, status)
  }

  /**
   * For code that publishes on every request: `update()` of a value that is JSON already, the first `length` bytes of a
   * buffer. False: it does not fit into the slot, and nothing was published. The text is not checked.
   *
   * @throws {ScoreboardError} as `update()`
   * @internal
   */
  updateJsonBytes(bytes: Uint8Array, length: number): boolean {
    const outcome = this.#board.publishJsonBytes(bytes, length)
    if (outcome === Outcome.tooLong) return false
    if (outcome === Outcome.notClaimed) {
      this.#checkWritable('publish a status')
      this.claim()
      return this.updateJsonBytes(bytes, length)
    }
    if (outcome !== undefined || this.#hasFiles) this.#afterPublish(outcome, '')
    return true
  }

  /**
   * The statuses of all living workers that have published one, by id. Removes the dead it meets
   * when it may write. A status that cannot be read is left out; `snapshot()` says why.
   */
  readAll(): Map<string, Status> {
    this.#checkOpen('read')
    const { statuses, ended } = this.#all.read()
    if (!this.#options.readOnly) retireSlots(this.#board, this.baseDir, ended)
    return statuses
  }

  /**
   * Everything known about the workers, in the order of their slots. Changes nothing, and never
   * throws for one slot: what is wrong with it is in its entry.
   *
   * @param options.includeDead also those that ended without a word and were not cleaned up yet;
   * default false
   */
  snapshot(options: { includeDead?: boolean } = {}): Snapshot {
    checkOptions(options, ['includeDead'], 'the options of snapshot()')
    const includeDead = optionalBoolean(options.includeDead, 'includeDead') ?? false
    this.#checkOpen('read')
    const workers: WorkerEntry[] = []
    const entries: number[] = []
    const count = this.#reader.scan()
    for (let entry = 0; entry < count; entry++) {
      const worker = this.#workerEntry(entry, includeDead)
      if (worker === undefined) continue
      workers.push(worker)
      entries.push(entry)
    }
    const { boardId, slots } = this.#board
    const cursor = cursorOf(this.#board, this.#reader, workers, entries)
    return { boardId, slots, workers, cursor, takenAt: Date.now() }
  }

  /**
   * What moved since a cursor: the workers that are new or have published (many updates of one are
   * merged and counted) and those that are gone. Without a cursor, everything known.
   *
   * @throws {TypeError | RangeError} no cursor of this board and process
   */
  changes(since?: Cursor): Changes {
    this.#checkOpen('read')
    return readChanges(this.#board, this.#reader, since, this.#liveEntry)
  }

  /**
   * Waits for changes: yields everything known first, then what moves. Workers wake it when they
   * publish, the kernel when they die, and anybody with `shared.add()`. A read-only handle polls, at
   * most ten times a second while nothing happens.
   *
   * From its first `next()` until it ends, two threads wait for all watchers of this handle. `for await` ends it by
   * itself; code that calls `next()` by hand calls `return()` or aborts, or the threads stay until `close()`.
   *
   * @throws {ScoreboardError} `ERR_CLOSED`, `ERR_BOARD_REPLACED`; the signal's reason when aborted
   */
  watch(options: WatchOptions = {}): AsyncIterableIterator<Changes> {
    checkOptions(options, ['signal', 'minIntervalMs'], 'the options of watch()')
    const signal = optionalSignal(options.signal, 'signal')
    const minIntervalMs = optionalInteger(options.minIntervalMs, 'minIntervalMs', 0, 2 ** 31 - 1) ?? 0
    this.#checkOpen('watch')
    const watched = {
      changes: (since?: Cursor) => this.changes(since),
      sharedValues: () => this.shared.values(),
    }
    return new ChangeWatcher(watched, this.#hub, minIntervalMs, signal)
  }

  /**
   * This worker's counters and gauges. Touching them claims a slot.
   *
   * @throws {ScoreboardError} those of `claim()`
   */
  get counters(): Counters {
    this.claim()
    this.#counters ??= new Counters(this.#board, this.#options.externalBuffers)
    return this.#counters
  }

  /**
   * What all counters have come to: of counters the sum over everybody who ever worked here, which
   * never goes backwards; of gauges the sum over the living. Each number is exact; together they
   * are not of one instant.
   */
  totals(): Record<string, number> {
    this.#checkOpen('read')
    return this.#counterReader.totals()
  }

  /** The names of the board's counters, each with its kind, in the order in which the board was made. */
  get counterKinds(): Record<string, 'counter' | 'gauge'> {
    return this.#counterReader.kinds()
  }

  /**
   * Frees the slots of workers that are gone and removes overflow files that nobody can name any
   * more. When somebody else is cleaning right now, leaves it to them.
   *
   * @returns how many slots and files were removed
   */
  cleanup(): { slots: number; files: number } {
    this.#checkWritable('clean up')
    const reader = this.#reader
    const count = reader.scan()
    const ended: number[] = []
    for (let entry = 0; entry < count; entry++) {
      if (!reader.isLive(entry)) ended.push(reader.slot(entry))
    }
    return cleanBoard(this.#board, this.baseDir, ended)
  }

  /** Frees these slots, where their owners are gone. @internal */
  retire(slots: number[]): void {
    this.#checkWritable('clean up')
    retireSlots(this.#board, this.baseDir, slots)
  }

  /** Says good-bye, gives the slot up and removes this worker's files. Calling it again is fine. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    claimed.delete(this)
    if (claimed.size === 0) process.removeListener('exit', closeAllAtExit)
    this.#hub.close()
    this.#board.close()
    this.#files?.removeAll()
  }

  /** `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  #publishOther(status: unknown): number | undefined {
    return isBytes(status) ? this.#board.publishBytes(status) : this.#board.publishJson(toJson(status))
  }

  /** What follows a publication that was not the ordinary kind. */
  #afterPublish(outcome: number | undefined, status: Status): void {
    switch (outcome) {
      case undefined:
        this.#files!.afterPublish()
        this.#hasFiles = this.#files!.pending
        return
      case Outcome.notClaimed:
        this.#checkWritable('publish a status')
        this.#checkSize(encodeStatus(status).bytes.length)
        this.claim()
        this.update(status)
        return
      case Outcome.tooLong:
        this.#publishLong(encodeStatus(status))
        return
      case Outcome.replaced:
        throw scoreboardError(`Cannot publish a status on ${this.baseDir}`, { code: 'REPLACED' })
      default:
        this.#checkWritable('publish a status')
    }
  }

  #checkSize(bytes: number): void {
    const { maxStatusBytes } = this.#options
    if (bytes <= maxStatusBytes) return
    throw new ScoreboardError(
      'ERR_STATUS_TOO_LARGE',
      `Cannot publish a status of ${bytes} bytes: the limit is ${maxStatusBytes}; shorten it, or raise the option 'maxStatusBytes'`,
    )
  }

  #publishLong({ bytes, encoding }: EncodedStatus): void {
    this.#checkSize(bytes.length)
    const files = this.#files!
    const generation = files.write(bytes)
    this.#hasFiles = true
    const previewBytes = Math.min(PREVIEW_BYTES, this.#board.inlineBytes)
    const outcome = this.#board.publishOverflow(bytes, previewBytes, encoding, generation)
    // A board that was replaced has the record all the same.
    if (outcome === undefined || outcome === Outcome.replaced) files.afterPublish()
    else files.discardNewest()
    if (outcome === undefined) return
    throw scoreboardError(`Cannot publish a status on ${this.baseDir}`, {
      code: outcome === Outcome.replaced ? 'REPLACED' : 'CLOSED',
    })
  }

  /** Living workers for certain, so that a thousand handles need not ask a thousand times each. */
  #idsOfThisThread(): Set<string | undefined> {
    const { boardId } = this.#board
    const ids = new Set<string | undefined>()
    for (const board of claimed) if (board.#board.boardId === boardId) ids.add(board.#workerId)
    return ids
  }

  #settleIn(slot: number, epoch: number): void {
    const { boardId } = this.#board
    this.#ownKey = `${slot}-${epoch}`
    this.#files = new OverflowWriter(this.baseDir, this.#options.mode, { boardId, slot, epoch })
    if (claimed.size === 0) process.on('exit', closeAllAtExit)
    claimed.add(this)
  }

  readonly #liveEntry = (entry: number) => this.#workerEntry(entry, false)

  #workerEntry(entry: number, includeDead: boolean): WorkerEntry | undefined {
    const reader = this.#reader
    const isLive = reader.isLive(entry)
    const verdict = reader.verdict(entry)
    if (!isLive && (!includeDead || verdict === Verdict.closed)) return undefined
    const reading = reader.read(entry)
    const owner = reader.owner(entry)
    if (reading === undefined || owner === undefined) return undefined
    const counters = this.#counterReader.ofWorker(reader.slot(entry), owner.epoch)
    if (counters === undefined) return undefined
    const isPublished = reading.updates > 0
    const now = Number(process.hrtime.bigint()) / 1e6
    const worker: WorkerEntry = {
      id: owner.id,
      pid: owner.pid,
      threadId: owner.threadId,
      slot: reader.slot(entry),
      epoch: owner.epoch,
      state: isLive ? 'live' : 'dead',
      status: reading.status,
      updates: reading.updates,
      startedAt: owner.startedAt,
      updatedAt: isPublished ? reading.wallMs : undefined,
      ageMs: isPublished ? Math.max(0, now - reading.monotonicMs) : undefined,
      counters,
    }
    if (reading.error !== undefined) worker.error = reading.error
    return worker
  }

  #checkOpen(what: string): void {
    if (!this.#isClosed) return
    throw scoreboardError(`Cannot ${what} on ${this.baseDir}`, { code: 'CLOSED' })
  }

  #checkWritable(what: string): void {
    this.#checkOpen(what)
    if (!this.#options.readOnly) return
    throw new ScoreboardError(
      'ERR_READ_ONLY',
      `Cannot ${what} on ${this.baseDir}: this handle was opened with readOnly`,
    )
  }
}
