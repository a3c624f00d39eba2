// Scoreboard: the public face of a board, for workers and managers alike.

import { isFailure, type NativeBoard, type NativeInspection, native, Outcome } from '../binding'
import { checkOptions, optionalBoolean, optionalInteger, optionalSignal } from '../util/check-options'
import { ScoreboardError } from '../util/errors'
import { BlockedWatch } from './blocked-watch'
import { type CheckedOptions, checkScoreboardOptions } from './board-options'
import { BoardReader } from './board-reader'
import { takeSlot, tryAgainWhileBusy } from './claiming'
import { cleanBoard, removeBoard, retireSlots } from './cleaning'
import { type EncodedStatus, encodeStatus, isBytes, toJson } from './codec'
import { Counters, SharedCounters } from './counters'
import type { Ended } from './ended'
import { type Ending, endingOf } from './ending'
import { scoreboardError } from './failures'
import { livingOn } from './geometry'
import { startHeart } from './heart'
import { openBoard } from './open-board'
import { OverflowWriter } from './overflow'
import { addOwner, removeOwner } from './owners'
import type {
  Accepted,
  Changes,
  Cursor,
  ScoreboardOptions,
  Snapshot,
  Status,
  WatchOptions,
  WorkerEntry,
} from './types'
import { ChangeWatcher, WatchHub } from './watch'

/** Bytes of a long status that stay in the slot, for whoever cannot read its file. */
const PREVIEW_BYTES = 256

/**
 * The first handle of a thread calls its own bound function, all others one that is theirs together: V8
 * makes a direct call of each only while that place in the code never sees another function.
 */
let hasFirst = false
const NO_ENTRIES = new Float64Array(0)
const NO_PAYLOAD = new Uint8Array(0)
const { publishTextAt } = native

/**
 * A scoreboard in shared memory: workers publish what they are doing, managers read all of it,
 * and neither ever waits for the other. After Perl's Parallel::Scoreboard.
 *
 * `Scoreboard<Job, 'done' | 'failed'>` carries statuses of type `Job` and counters of these names; what is read is
 * believed to be that. Left out, a status is whatever JSON can say, and the names are those of the option `counters`.
 *
 * The same class serves both; a handle takes a slot when it first publishes. A handle belongs to
 * the thread that made it.
 */
export class Scoreboard<S = Status, Names extends string = string> {
  readonly baseDir: string
  readonly #options: CheckedOptions
  #board: NativeBoard
  #reader: BoardReader
  readonly #publishText: NativeBoard['publishText']
  #number: number
  /** Whether this is the one handle that publishes with its own bound function. */
  #isFirst: boolean
  #hub: WatchHub
  #shared: SharedCounters
  #keepsStatus = false
  #generation = 0
  #counters: Counters | undefined
  #workerId: string | undefined
  #files: OverflowWriter | undefined
  /** Whether some overflow file may have to go after the next update. */
  #hasFiles = false
  #isClosed = false
  #ownKey: string | undefined
  #companions: Disposable[] = []

  /**
   * Opens the board in `baseDir`, and makes it when it is missing.
   *
   * @throws {TypeError | RangeError} an option is wrong; nothing was touched
   * @throws {ScoreboardError} the board cannot be made, opened or trusted
   */
  constructor(options: ScoreboardOptions<Names>) {
    this.#options = checkScoreboardOptions(options)
    this.baseDir = this.#options.baseDir
    const board = openBoard(this.#options)
    this.#publishText = board.publishText
    this.#isFirst = !hasFirst
    hasFirst = true
    // All of #handle() here too: a field that is first set elsewhere makes every later access slower.
    this.#board = board
    this.#number = board.number
    this.#hub = new WatchHub(board)
    this.#shared = new SharedCounters(board, this.#options.readOnly)
    this.#reader = new BoardReader(board, this.baseDir, this.#options.maxStatusBytes)
  }

  /** Board-wide integers that any worker may add to. */
  get shared(): SharedCounters {
    return this.#shared
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
    const { id, slot, epoch } = takeSlot(this.#board, this.#options, this.#keepsStatus)
    this.#workerId = id
    this.#settleIn(slot, epoch)
  }

  /**
   * Publishes what this worker is doing. The first call claims a slot. A status of at most
   * `inlineBytes` costs no system call; a longer one goes to an overflow file.
   *
   * @throws {TypeError} the status cannot be encoded
   * @throws {ScoreboardError} `ERR_STATUS_TOO_LARGE`, `ERR_OVERFLOW_WRITE` (the status before
   * stays published), `ERR_BOARD_REPLACED` (noticed within a second), and those of `claim()`
   */
  update<T>(given: Accepted<S, T>): void {
    const status = given as Status
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
   * when it may write. A status that cannot be read is left out; `snapshot()` says why. JSON is frozen: as long as a
   * worker publishes nothing new, each call gives the same object.
   */
  readAll(): Map<string, S> {
    const statuses = new Map<string, S>()
    this.forEachStatus((status, id) => statuses.set(id, status))
    return statuses
  }

  /**
   * `readAll()` for whoever polls boards of thousands: calls `each` with every status and the id of its worker, and makes
   * no Map, which at that size costs more than all the reading.
   */
  forEachStatus(each: (status: S, id: string) => void): void {
    this.#checkOpen('read')
    const ended = this.#reader.forEachStatus(each as (status: Status, id: string) => void)
    if (!this.#options.readOnly) retireSlots(this.#board, this.baseDir, ended)
  }

  /**
   * Everything known about the workers, in the order of their slots. Changes nothing, and never
   * throws for one slot: what is wrong with it is in its entry.
   *
   * @param options.includeDead also those that died and were not cleaned up yet, unless longer ago than the
   * option `deadForMs` says; default false
   * @param options.vitals also what each of the living costs: processor time, memory; default false
   */
  snapshot(options: { includeDead?: boolean; vitals?: boolean } = {}): Snapshot<S, Names> {
    checkOptions(options, ['includeDead', 'vitals'], 'the options of snapshot()')
    const wantsVitals = optionalBoolean(options.vitals, 'vitals') ?? false
    const includeDead = optionalBoolean(options.includeDead, 'includeDead') ?? false
    this.#checkOpen('read')
    const deadForMs = includeDead ? this.#options.deadForMs : undefined
    return this.#reader.snapshot(deadForMs, wantsVitals) as unknown as Snapshot<S, Names>
  }

  /**
   * What moved since a cursor: the workers that are new or have published (many updates of one are
   * merged and counted) and those that are gone. Without a cursor, everything known.
   *
   * @throws {TypeError | RangeError} no cursor of this board and process
   */
  changes(since?: Cursor): Changes<S, Names> {
    this.#checkOpen('read')
    return this.#reader.changes(since) as unknown as Changes<S, Names>
  }

  /**
   * Waits for changes: yields everything known first, then what moves. Workers wake it when they
   * publish, the kernel when they die, and anybody with `shared.add()`. A read-only handle polls, at
   * most ten times a second while nothing happens.
   *
   * From its first `next()` until it ends, two threads wait for all watchers of this handle. `for await` ends it by
   * itself; code that calls `next()` by hand calls `return()` or aborts, or the threads stay until `close()`. Watchers of one
   * handle that are woken together get the same entries, each in a list of its own.
   *
   * @throws {ScoreboardError} `ERR_CLOSED`, `ERR_BOARD_REPLACED`; the signal's reason when aborted
   */
  watch(options: WatchOptions = {}): AsyncIterableIterator<Changes<S, Names>> {
    checkOptions(options, ['signal', 'minIntervalMs', 'blockedAfterMs'], 'the options of watch()')
    const signal = optionalSignal(options.signal, 'signal')
    const minIntervalMs = optionalInteger(options.minIntervalMs, 'minIntervalMs', 0, 2 ** 31 - 1) ?? 0
    const blockedAfterMs = optionalInteger(options.blockedAfterMs, 'blockedAfterMs', 1, 2 ** 31 - 1)
    this.#checkOpen('watch')
    const watched = {
      changes: (since?: Cursor) => this.changes(since) as unknown as Changes,
      sharedValues: () => this.shared.values(),
      workerIn: (slot: number) => this.#reader.workerIn(slot),
      blocked: blockedAfterMs === undefined ? undefined : new BlockedWatch(this.#board, blockedAfterMs),
    }
    const watcher: AsyncIterableIterator<unknown> = new ChangeWatcher(
      watched,
      this.#hub,
      minIntervalMs,
      signal,
    )
    return watcher as AsyncIterableIterator<Changes<S, Names>>
  }

  /**
   * This worker's counters and gauges. Touching them claims a slot.
   *
   * @throws {ScoreboardError} those of `claim()`
   */
  get counters(): Counters<Names> {
    this.claim()
    this.#counters ??= new Counters(this.#board, this.#options.externalBuffers)
    return this.#counters as Counters<Names>
  }

  /**
   * What all counters have come to: of counters the sum over everybody who ever worked here, which
   * never goes backwards; of gauges the sum over the living. Each number is exact; together they
   * are not of one instant.
   */
  totals(): Record<Names, number> {
    this.#checkOpen('read')
    return this.#reader.counters.totals() as Record<Names, number>
  }

  /** The names of the board's counters, each with its kind, in the order in which the board was made. */
  get counterKinds(): Record<Names, 'counter' | 'gauge'> {
    return this.#reader.counters.kinds() as Record<Names, 'counter' | 'gauge'>
  }

  /**
   * Frees the slots of workers that are gone and removes overflow files that nobody can name any
   * more. When somebody else is cleaning right now, leaves it to them.
   *
   * @returns how many slots and files were removed
   */
  cleanup(): { slots: number; files: number }
  /** Of those slots alone. @internal */
  cleanup(slots: readonly number[] | undefined): { slots: number; files: number }
  cleanup(slots?: readonly number[]): { slots: number; files: number } {
    this.#checkWritable('clean up')
    const dead = this.#reader.deadSlots()
    const wanted = slots === undefined ? dead : dead.filter((slot) => slots.includes(slot))
    return cleanBoard(this.#board, this.baseDir, wanted)
  }

  /**
   * Removes the board from its directory, with all that is on it, whoever uses it: the way out where nobody can open it
   * as it has to be. Those who live on it are told `ERR_BOARD_REPLACED`.
   *
   * @returns who they were, and how many files are gone
   * @internal
   */
  reset(): { living: string[]; files: number } {
    this.#checkWritable('give up the board')
    return { living: livingOn(this.#board, this.baseDir), files: removeBoard(this.#board, this.baseDir) }
  }

  /** Frees these slots, where their owners are gone, and gives up what they asked to keep. @internal */
  retireKept(slots: number[]): void {
    this.#checkWritable('clean up')
    retireSlots(this.#board, this.baseDir, slots, true)
  }

  /**
   * All workers, living and dead, for whoever must not block its event loop with reading all of them at once. Each
   * slot is read when its turn comes. @internal
   */
  eachWorker(): Generator<WorkerEntry> {
    this.#checkOpen('read')
    return this.#reader.eachWorker()
  }

  /**
   * From its claim on, this worker's last status outlives it, however it ends, until somebody calls
   * `retireKept()`: cleaning and other claims spare its slot. @internal
   */
  keepStatus(): void {
    this.#keepsStatus = true
  }

  /**
   * For a parent that has seen a process end: notes how, for those of its workers that have not said it themselves.
   * Readers are told as `ending`: `exited 1`, `SIGKILL`. `noteExits()` does this for a whole cluster.
   *
   * @param code its exit code, null where a signal ended it
   * @param signal that signal
   * @returns how many slots of that process there were; 0 also while somebody else claims or cleans
   * @throws {ScoreboardError} `ERR_READ_ONLY`, `ERR_CLOSED`
   */
  noteExit(pid: number, code: number | null, signal: string | null = null): number {
    this.#checkWritable('note an exit')
    const { kind, value } = endingOf(code, signal)
    const slots = tryAgainWhileBusy(() => this.#board.noteEnd(pid, kind, value))
    return isFailure(slots) ? 0 : slots
  }

  /**
   * Opens what lies in `baseDir` now, where the board that this handle had was deleted or replaced, and makes a board
   * like that one where there is none. Its slot is claimed anew at the next update; watches end with
   * `ERR_CLOSED`, `counters` and `shared` are other objects. Does nothing while the board is in its place.
   *
   * @throws {ScoreboardError} as the constructor; the handle stays as it was
   */
  reopen(): void {
    this.#checkOpen('open the board again')
    if (this.isInPlace) return
    const board = openBoard(this.#options, this.#board)
    this.#leave({ kind: 0, value: 0 })
    this.#isFirst = false
    this.#generation++
    this.#board = board
    this.#number = board.number
    this.#hub = new WatchHub(board)
    this.#shared = new SharedCounters(board, this.#options.readOnly)
    this.#reader = new BoardReader(board, this.baseDir, this.#options.maxStatusBytes)
    this.#counters = undefined
    this.#files = undefined
    this.#hasFiles = false
    this.#workerId = undefined
    this.#ownKey = undefined
  }

  /** The option. @internal */
  get deadForMs(): number {
    return this.#options.deadForMs
  }

  /** What belongs to the board that is open now, and ends with it. @internal */
  closeWith(companion: Disposable): void {
    this.#companions.push(companion)
  }

  /** How often this handle has changed boards. @internal */
  get generation(): number {
    return this.#generation
  }

  /** @internal */
  get isReadOnly(): boolean {
    return this.#options.readOnly
  }

  /** Whether opening it to write would replace it. @internal */
  get isFromEarlierBoot(): boolean {
    return this.#board.fromEarlierBoot
  }

  /**
   * Whose event loop has not turned for longer than `afterMs` (undefined: three of its beats): epoch and for how long,
   * in milliseconds, by slot. Dead owners too, until they are cleaned up. @internal
   */
  blocked(afterMs?: number): Map<number, { epoch: number; forMs: number }> {
    this.#checkOpen('read')
    return this.#reader.blocked(afterMs)
  }

  /** How many workers have ended, and how many of them died. Nothing of it falls while the board is the same. @internal */
  ended(): Ended {
    this.#checkOpen('read')
    return this.#reader.ended()
  }

  /** What the line of a worker says for whoever is about to look into its process. @internal */
  inspection({ slot, epoch }: Pick<WorkerEntry, 'slot' | 'epoch'>): NativeInspection | undefined {
    return this.#board.inspection(slot, epoch)
  }

  /** Whether somebody has opened the inspector of a worker and not closed it. @internal */
  get hasInspected(): boolean {
    return this.snapshot().workers.some((worker) => this.inspection(worker)?.isInspected)
  }

  /** Notes for how long somebody may have its inspector open; 0: nobody has. @internal */
  noteInspection({ slot, epoch }: Pick<WorkerEntry, 'slot' | 'epoch'>, forMs: number): void {
    this.#board.noteInspection(slot, epoch, forMs)
  }

  /** How many slots belong to dead workers. @internal */
  countDead(): number {
    return this.#reader.deadSlots().length
  }

  /** Whether the name still leads to the board of this handle; as of a second ago at most. @internal */
  get isInPlace(): boolean {
    return this.#board.scan(NO_ENTRIES, NO_PAYLOAD, undefined, 0, 0) !== -2
  }

  /**
   * Says good-bye, gives the slot up and removes this worker's files. An exit with code 0 does this by itself; how
   * else a worker may end, see `GoneWorker.reason`. Calling it again is fine.
   */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // A status that is to be kept cannot stay where a good-bye is.
    this.#leave(this.#keepsStatus ? endingOf(0) : undefined)
  }

  /** What happens to a worker that has not closed when its process or thread exits. @internal */
  exit(code: number): void {
    if (code === 0 || this.#isClosed) {
      this.close()
      return
    }
    this.#isClosed = true
    this.#leave(endingOf(code))
  }

  /** Gives everything back: with a good-bye, or as one who has died in this way. */
  #leave(ending: Ending | undefined): void {
    for (const companion of this.#companions.splice(0)) companion[Symbol.dispose]()
    removeOwner(this)
    this.#hub.close()
    if (ending !== undefined) {
      this.#board.abandon(ending.kind, ending.value)
      return
    }
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
        this.update(status as never)
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

  #settleIn(slot: number, epoch: number): void {
    const { boardId } = this.#board
    this.#ownKey = `${slot}-${epoch}`
    startHeart(this.#board, this.#options.heartbeatMs)
    this.#files = new OverflowWriter(this.baseDir, this.#options.mode, { boardId, slot, epoch })
    addOwner(this)
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

/** Whatever its workers publish and count. */
// biome-ignore lint/suspicious/noExplicitAny: nothing else is assignable from every Scoreboard
export type AnyScoreboard = Scoreboard<any, any>
