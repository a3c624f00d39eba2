// What readAll() gives: the statuses of all living workers.
//
// Most statuses are the same as at the last poll. So a reader keeps the text of each slot with the epoch
// and the sequence number it had, and only what moved is copied and decoded again. Only text: it
// cannot be changed by whoever got it. Objects and bytes are made anew for each caller.

import { EntryField, type NativeBoard } from '../binding'
import type { SlotReader } from './slot-reader'
import type { Status } from './types'

/**
 * Texts of one scan are slices of one long string, which lives as long as any of them. Reading
 * everything anew now and then bounds how many such strings there can be.
 */
const READS_UNTIL_FRESH = 16

export interface AllStatuses {
  statuses: Map<string, Status>
  /** The slots of workers that are gone. */
  ended: number[]
}

export class StatusReader {
  readonly #board: NativeBoard
  readonly #reader: SlotReader
  /** Two numbers for each slot: epoch and sequence number of the text that is kept; 0: none is. */
  #known = new Float64Array(0)
  readonly #ids: string[] = []
  readonly #statuses: (Status | undefined)[] = []
  /** Slots whose status must be read again each time. */
  #volatile: number[] = []
  #reads = 0

  constructor(board: NativeBoard, reader: SlotReader) {
    this.#board = board
    this.#reader = reader
  }

  read(): AllStatuses {
    this.#prepare()
    const count = this.#reader.scan(this.#known)
    const ended: number[] = []
    for (let entry = 0; entry < count; entry++) this.#take(entry, ended)
    const statuses = new Map<string, Status>()
    const kept = this.#statuses
    const ids = this.#ids
    for (let slot = 0; slot < kept.length; slot++) {
      const status = kept[slot]
      if (status !== undefined) statuses.set(ids[slot]!, status)
    }
    return { statuses, ended }
  }

  #prepare(): void {
    const slots = this.#board.highWater()
    if (this.#known.length < 2 * slots || this.#reads++ % READS_UNTIL_FRESH === 0) {
      this.#known = new Float64Array(2 * slots)
      this.#statuses.fill(undefined)
      while (this.#statuses.length < slots) {
        this.#statuses.push(undefined)
        this.#ids.push('')
      }
    }
    for (const slot of this.#volatile) this.#statuses[slot] = undefined
    this.#volatile = []
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
    this.#statuses[slot] = status
    if (typeof status !== 'string') {
      this.#volatile.push(slot)
      return
    }
    this.#known[2 * slot] = reader.epoch(entry)
    this.#known[2 * slot + 1] = reader.field(entry, EntryField.seq)
  }
}
