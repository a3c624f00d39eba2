// What can be read of a board that is open. Nothing here changes the board, or knows who asks.

import type { NativeBoard } from '../binding'
import { monotonicMs } from '../util/clock'
import { cursorOf, readChanges } from './changes'
import { CounterReader } from './counters'
import { type Ended, EndedCounter } from './ended'
import { Hearts } from './hearts'
import { SlotReader } from './slot-reader'
import { StatusReader } from './status-reader'
import type { Changes, Cursor, Snapshot, Status, WorkerEntry } from './types'
import { VitalsReader } from './vitals'
import { readEntry } from './worker-entry'

export class BoardReader {
  readonly counters: CounterReader
  readonly #board: NativeBoard
  readonly #baseDir: string
  readonly #maxStatusBytes: number
  readonly #slots: SlotReader
  readonly #statuses: StatusReader
  #ended: EndedCounter | undefined
  #hearts: Hearts | undefined
  #vitals: VitalsReader | undefined

  constructor(board: NativeBoard, baseDir: string, maxStatusBytes: number) {
    this.#board = board
    this.#baseDir = baseDir
    this.#maxStatusBytes = maxStatusBytes
    this.counters = new CounterReader(board)
    this.#slots = this.#newReader()
    this.#statuses = new StatusReader(board, this.#slots)
  }

  /** Returns the slots of those who were met dead. */
  forEachStatus(each: (status: Status, id: string) => void): number[] {
    return this.#statuses.read(each)
  }

  /** @param deadForMs also those who have been dead for no longer than this; undefined: none of them */
  snapshot(deadForMs: number | undefined, wantsVitals: boolean): Snapshot {
    const workers: WorkerEntry[] = []
    const entries: number[] = []
    const count = this.#slots.scan()
    const now = monotonicMs()
    for (let entry = 0; entry < count; entry++) {
      const worker = readEntry(this.#slots, this.counters, entry, deadForMs, now)
      if (worker === undefined) continue
      workers.push(worker)
      entries.push(entry)
    }
    if (wantsVitals) {
      this.#vitals ??= new VitalsReader(this.#board)
      this.#vitals.addTo(workers)
    }
    const { boardId, slots } = this.#board
    const cursor = cursorOf(this.#board, this.#slots, workers, entries)
    return { boardId, slots, workers, cursor, takenAt: Date.now() }
  }

  changes(since: Cursor | undefined): Changes {
    return readChanges(this.#board, this.#slots, since, this.#liveEntry)
  }

  /** The living owner of a slot. */
  workerIn(slot: number): WorkerEntry | undefined {
    return this.#slots.scan(undefined, slot, slot + 1) === 0 ? undefined : this.#liveEntry(0)
  }

  /** All workers, living and dead, each slot read when its turn comes. */
  *eachWorker(): Generator<WorkerEntry> {
    const reader = this.#newReader()
    for (let slot = 0; slot < this.#board.highWater(); slot++) {
      if (reader.scan(undefined, slot, slot + 1) === 0) continue
      const worker = readEntry(reader, this.counters, 0, Number.POSITIVE_INFINITY)
      if (worker !== undefined) yield worker
    }
  }

  /** The slots of dead workers. */
  deadSlots(): number[] {
    const dead: number[] = []
    for (let entry = 0, count = this.#slots.scan(); entry < count; entry++)
      if (!this.#slots.isLive(entry)) dead.push(this.#slots.slot(entry))
    return dead
  }

  /** As `Scoreboard.blocked()`. */
  blocked(afterMs: number | undefined): Map<number, { epoch: number; forMs: number }> {
    this.#hearts ??= new Hearts(this.#board)
    return this.#hearts.blocked(afterMs)
  }

  /** As `Scoreboard.ended()`. */
  ended(): Ended {
    this.#ended ??= new EndedCounter(this.#board)
    return this.#ended.count(this.#slots)
  }

  #newReader(): SlotReader {
    return new SlotReader(this.#board, this.#baseDir, this.#maxStatusBytes)
  }

  readonly #liveEntry = (entry: number, now?: number) =>
    readEntry(this.#slots, this.counters, entry, undefined, now)
}
