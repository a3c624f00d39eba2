// What readAll() and forEachStatus() give: the statuses of all living workers.
//
// Most statuses are the same as at the last poll. So a reader keeps the status of each slot with the epoch
// and the sequence number it had, and only what moved is copied and decoded again. Text cannot be changed by
// whoever got it, and JSON is frozen, for every caller gets the same; of bytes everybody gets a copy.

import { EntryField, type NativeBoard } from '../binding'
import { isBytes } from './codec'
import type { SlotReader } from './slot-reader'
import type { Status } from './types'

/**
 * Texts of one scan are slices of one long string, which lives as long as any of them. Reading
 * everything anew now and then bounds how many such strings there can be.
 */
const READS_UNTIL_FRESH = 16

export class StatusReader {
  readonly #board: NativeBoard
  readonly #reader: SlotReader
  /** Two numbers for each slot: epoch and sequence number of the status that is kept; 0: none is. */
  #known = new Float64Array(0)
  readonly #ids: string[] = []
  readonly #statuses: (Status | undefined)[] = []
  #reads = 0

  constructor(board: NativeBoard, reader: SlotReader) {
    this.#board = board
    this.#reader = reader
  }

  /** Calls `each` with every status; answers the slots of workers that are gone. */
  read(each: (status: Status, id: string) => void): number[] {
    this.#prepare()
    const count = this.#reader.scan(this.#known)
    const ended: number[] = []
    for (let entry = 0; entry < count; entry++) this.#take(entry, ended)
    const kept = this.#statuses
    const ids = this.#ids
    for (let slot = 0; slot < kept.length; slot++) {
      const status = kept[slot]
      if (status === undefined) continue
      each(typeof status === 'object' && isBytes(status) ? Buffer.from(status) : status, ids[slot]!)
    }
    return ended
  }

  #prepare(): void {
    const slots = this.#board.highWater()
    if (this.#known.length < 2 * slots) {
      const known = new Float64Array(2 * slots)
      known.set(this.#known)
      this.#known = known
      while (this.#statuses.length < slots) {
        this.#statuses.push(undefined)
        this.#ids.push('')
      }
    }
    if (++this.#reads % READS_UNTIL_FRESH === 0) this.#forgetTexts()
  }

  #forgetTexts(): void {
    for (let slot = 0; slot < this.#statuses.length; slot++) {
      if (typeof this.#statuses[slot] !== 'string') continue
      this.#statuses[slot] = undefined
      this.#known[2 * slot] = 0
    }
  }

  #take(entry: number, ended: number[]): void {
    const reader = this.#reader
    const slot = reader.slot(entry)
    this.#statuses[slot] = undefined
    this.#known[2 * slot] = 0
    if (!reader.isLive(entry)) {
      ended.push(slot)
      return
    }
    const owner = reader.owner(entry)
    const status = owner && reader.status(entry)
    if (status === undefined) return
    this.#ids[slot] = owner!.id
    this.#statuses[slot] = typeof status === 'object' && !isBytes(status) ? frozen(status) : status
    this.#known[2 * slot] = reader.epoch(entry)
    this.#known[2 * slot + 1] = reader.field(entry, EntryField.seq)
  }
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) frozen(member)
  return Object.freeze(value)
}
