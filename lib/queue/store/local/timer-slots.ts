// What lives and dies with a process: timers, and the mark of a creator at work. Each is a slot of
// the board beside the database, its worker id the path. The kernel's lock on the slot says whether
// it is there; a kick is one store of the monotonic clock into the slot's gauge.
//
// Nobody can take a slot from a living owner. Whoever expires or clears a timer writes its path to
// `revoked` instead and adds 1 to the shared counter of that name; from then on everybody takes the
// slot for gone, and the owner finds out at its next kick, without a look at the disk before that.

import { Scoreboard } from '../../../scoreboard/scoreboard'
import type { Cursor, ScoreboardOptions, WorkerEntry } from '../../../scoreboard/types'
import { monotonicMs } from '../../../util/clock'
import type { LocalDatabase } from './database'
import { Guards } from './guards'

/** How many timers can be there at the same time. */
export const SLOTS = 4096

const GEOMETRY = {
  slots: SLOTS,
  inlineBytes: 256,
  counters: { kick: 'gauge' },
} as const satisfies Partial<ScoreboardOptions>
const SHARED = { sharedCounters: ['changed', 'revoked'] }

/** Opens the board in `folder`, or makes it. */
export function openSlotBoard(folder: string, workerId?: string): Scoreboard {
  return new Scoreboard({
    baseDir: folder,
    workerId,
    // Whoever holds a timer kicks it: that is its sign of life.
    heartbeatMs: 0,
    ...GEOMETRY,
    ...SHARED,
  })
}

/** Whether the board in `folder` is one of these, and nobody has a slot of it. */
export function isIdleSlotBoard(folder: string): boolean {
  try {
    using board = new Scoreboard({ baseDir: folder, readOnly: true, ...GEOMETRY, ...SHARED })
    return board.snapshot().workers.length === 0
  } catch {
    // None, or not ours.
    return false
  }
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

interface OwnSlot {
  readonly board: Scoreboard
  /** The gauge itself: writing here is the kick. Undefined where the runtime has no such memory. */
  readonly view: Float64Array | undefined
  data: Buffer
  /** The shared counter when this slot was last known not to be revoked. */
  revocations: number
}

export interface SlotNode {
  readonly data: Buffer
  /** When it was kicked last: different after each kick. */
  readonly version: number
  readonly born: number
}

const EMPTY = Buffer.alloc(0)

export class TimerSlots {
  readonly #folder: string
  readonly #board: Scoreboard
  readonly #database: LocalDatabase
  readonly #own = new Map<string, OwnSlot>()
  readonly #live = new Set<string>()
  readonly #revoked = new Set<string>()
  #revokedUpTo = 0
  /** How often something came or went below a path. */
  readonly #moves = new Map<string, number>()
  readonly #guards: Guards
  #cursor: Cursor | undefined
  #isFresh = false
  #entries: Map<string, WorkerEntry> | undefined

  constructor(folder: string, board: Scoreboard, database: LocalDatabase) {
    this.#folder = folder
    this.#board = board
    this.#database = database
    this.#guards = new Guards(folder)
  }

  /** Forgets what was read before: the next look sees what anybody did up to now. */
  expireView(): void {
    this.#isFresh = false
    this.#entries = undefined
  }

  /** One look serves all questions of the same turn of the event loop. */
  #refresh(): void {
    if (this.#isFresh) return
    this.#isFresh = true
    setImmediate(() => this.expireView())
    const { workers, gone, cursor } = this.#board.changes(this.#cursor)
    this.#cursor = cursor
    for (const path of this.#guards.freed()) if (this.#live.delete(path)) this.#moved(path)
    for (const { id, reason } of gone) {
      if (reason === 'died' && this.#guards.keeps(id)) continue
      if (this.#live.delete(id)) this.#moved(id)
    }
    for (const { id, isNew } of workers) {
      this.#guards.release(id)
      if (this.#live.has(id) && !isNew) continue
      this.#live.add(id)
      this.#moved(id)
    }
    // After the slots: a timer has its slot before its guard, and its guard before it holds anything.
    for (const node of this.#guards.findKept(this.#live)) {
      this.#live.add(node)
      this.#moved(node)
    }
    this.#readRevoked()
  }

  /** See `Store.guardPath`. */
  guardPath(path: string): string {
    return this.#guards.fileOf(path)
  }

  /** Whether a look is due soon though nobody will tell: a lock is not a change of the board. */
  get hasGuarded(): boolean {
    return this.#guards.isKeeping
  }

  #readRevoked(): void {
    for (const { number, path } of this.#database.revokedSince(this.#revokedUpTo)) {
      this.#revokedUpTo = number
      this.#revoked.add(path)
      this.#moved(path)
    }
  }

  #moved(path: string): void {
    const parent = parentOf(path)
    this.#moves.set(parent, (this.#moves.get(parent) ?? 0) + 1)
  }

  has(path: string): boolean {
    this.#refresh()
    return this.#live.has(path) && !this.#revoked.has(path)
  }

  /** Whether its owner lives and has not given it up, revoked or not. */
  isAlive(path: string): boolean {
    this.#refresh()
    return this.#live.has(path)
  }

  /** Names of the slots below a path. */
  names(parent: string): string[] {
    this.#refresh()
    const from = parent === '' ? 0 : parent.length + 1
    return [...this.#live]
      .filter((path) => parentOf(path) === parent && !this.#revoked.has(path))
      .map((path) => path.slice(from))
  }

  /** Differs after something came or went below the path. */
  movesBelow(parent: string): number {
    this.#refresh()
    return this.#moves.get(parent) ?? 0
  }

  get(path: string): SlotNode | undefined {
    if (!this.has(path)) return undefined
    this.#entries ??= new Map(this.#board.snapshot().workers.map((worker) => [worker.id, worker]))
    const entry = this.#entries.get(path)
    if (entry === undefined) return undefined
    const data = Buffer.isBuffer(entry.status) ? entry.status : EMPTY
    // A slot that was taken just now and not kicked yet.
    const version = entry.counters.kick || monotonicMs()
    return { data, version, born: entry.startedAt }
  }

  /**
   * Takes a slot. Within a transaction that has made sure that the folder is still in its folder, so
   * that a board is never made where a queue has been.
   */
  create(path: string, data: Uint8Array): 'created' | 'exists' {
    let board: Scoreboard | undefined
    try {
      board = openSlotBoard(this.#folder, path)
      board.claim()
      const view = memoryOf(board)
      const own = { board, view, data: EMPTY, revocations: this.revocations() }
      this.#own.set(path, own)
      this.#kick(own, data)
    } catch (error) {
      this.#own.delete(path)
      board?.close()
      if ((error as { code?: string }).code === 'ERR_ID_IN_USE') return 'exists'
      throw error
    }
    this.expireView()
    return 'created'
  }

  owns(path: string): boolean {
    return this.#own.has(path)
  }

  /** Kicks a slot of ours; false when it was revoked. Usually one store and one load of shared memory. */
  kick(path: string, data: Uint8Array): boolean {
    const own = this.#own.get(path)
    if (own === undefined) return false
    this.#kick(own, data)
    // In this order: a revoker adds to the counter first and then looks at the gauge.
    const revocations = this.revocations()
    if (revocations === own.revocations) return true
    this.#readRevoked()
    if (this.#revoked.has(path)) {
      this.release(path)
      return false
    }
    own.revocations = revocations
    return true
  }

  #kick(own: OwnSlot, data: Uint8Array): void {
    if (own.view !== undefined) own.view[0] = monotonicMs()
    else own.board.counters.set('kick', monotonicMs())
    if (data.length === own.data.length && own.data.equals(data)) return
    own.data = Buffer.from(data)
    own.board.update(own.data)
  }

  /** Changes whenever something is taken from an owner. What was written before this look comes before it. */
  revocations(): number {
    return this.#board.shared.get('revoked')
  }

  /** Gives a slot of ours up. */
  release(path: string): void {
    this.#own.get(path)?.board.close()
    this.#own.delete(path)
    this.expireView()
  }

  /** Takes a slot away from whoever has it, unless it was kicked since `version`. Within a transaction. */
  revoke(path: string, version: number | undefined): 'deleted' | 'conflict' | 'missing' {
    this.announceRevocation()
    const slot = this.get(path)
    if (slot === undefined) return 'missing'
    if (version !== undefined && slot.version !== version) return 'conflict'
    this.#database.revoke(path)
    return 'deleted'
  }

  announceRevocation(): void {
    this.#board.shared.add('revoked')
    this.expireView()
  }

  close(): void {
    for (const { board } of this.#own.values()) board.close()
    this.#own.clear()
  }
}

/** The gauge as memory; undefined where the runtime does not allow it. */
function memoryOf(board: Scoreboard): Float64Array | undefined {
  try {
    return board.counters.view
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
