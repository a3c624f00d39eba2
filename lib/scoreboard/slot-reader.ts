// Copies slots out of the board and makes sense of them.
//
// One native call copies everything into two buffers that are used again and again: numbers into
// one, payloads into the other. Objects are made here, and only for what the caller looks at.

import { ENTRY_NUMBERS, EntryField, isFailure, type NativeBoard, RecordKind, Verdict } from '../binding'
import { decodeStatus, Encoding, previewOf } from './codec'
import { scoreboardError } from './failures'
import { OverflowReader } from './overflow-reader'
import type { Status, WorkerEntryError } from './types'

/** Times a slot is read again because its overflow file had gone by the time it was opened. */
const OVERFLOW_TRIES = 8

/** Longer strings for many payloads would keep too much alive for each status. */
const MAX_SHARED_TEXT_BYTES = 256 * 1024

const ALL_SLOTS = 65535

/** The owner of a slot in an epoch. */
export interface Owner {
  readonly epoch: number
  readonly id: string
  readonly pid: number
  readonly threadId: number
  readonly uid: number
  readonly startedAt: number
  readonly processStart: number
  readonly pidNamespace: number
}

/** What a record says, decoded. */
export interface Reading {
  status: Status | undefined
  error?: WorkerEntryError
  updates: number
  wallMs: number
  monotonicMs: number
}

export class SlotReader {
  readonly #board: NativeBoard
  readonly #directory: string
  readonly #maxStatusBytes: number
  readonly #files: OverflowReader
  readonly #owners: (Owner | undefined)[] = []
  #entries = new Float64Array(16 * ENTRY_NUMBERS)
  #payload = Buffer.from(new ArrayBuffer(16 * 256))
  /** The ASCII view of a part of the newest scan's payload; made when first needed. */
  #text = ''
  #textFrom = 0
  /** Most records are living text: one object serves all of them. */
  readonly #plain: Reading = { status: undefined, updates: 0, wallMs: 0, monotonicMs: 0 }
  #count = 0
  #scans = 0
  /** For looking at one slot again while a scan of all is being worked through. */
  #again: SlotReader | undefined

  constructor(board: NativeBoard, directory: string, maxStatusBytes: number) {
    this.#board = board
    this.#directory = directory
    this.#maxStatusBytes = maxStatusBytes
    this.#files = new OverflowReader(directory, maxStatusBytes)
  }

  /** How many entries the newest scan gave. */
  get count(): number {
    return this.#count
  }

  /** The entries of the newest scan, ENTRY_NUMBERS of each. */
  get entries(): Float64Array {
    return this.#entries
  }

  /** How many scans there have been. */
  get scans(): number {
    return this.#scans
  }

  /** Copies the slots from `from` to before `to`; with a cursor only those that moved since. */
  scan(cursor?: Float64Array, from = 0, to = ALL_SLOTS): number {
    this.#text = ''
    this.#scans++
    for (;;) {
      const count = this.#board.scan(this.#entries, this.#payload, cursor, from, to)
      if (isFailure(count)) throw scoreboardError('Cannot read the board', count)
      this.#count = count
      if (count >= 0) return count
      if (count === -2) throw scoreboardError(`Cannot read ${this.#directory}`, { code: 'REPLACED' })
      this.#entries = new Float64Array(this.#entries.length * 2)
      this.#payload = Buffer.from(new ArrayBuffer(this.#payload.length * 2))
    }
  }

  field(entry: number, field: number): number {
    return this.#entries[entry * ENTRY_NUMBERS + field]!
  }

  slot(entry: number): number {
    return this.field(entry, EntryField.slot)
  }

  epoch(entry: number): number {
    return this.field(entry, EntryField.epoch)
  }

  verdict(entry: number): number {
    return this.field(entry, EntryField.verdict)
  }

  isLive(entry: number): boolean {
    const verdict = this.verdict(entry)
    return verdict === Verdict.live || verdict === Verdict.busy || verdict === Verdict.bad
  }

  /** The owner that an entry is about; undefined when the slot has another one by now. */
  owner(entry: number): Owner | undefined {
    const slot = this.slot(entry)
    const epoch = this.epoch(entry)
    const known = this.#owners[slot]
    if (known !== undefined && known.epoch === epoch) return known
    const identity = this.#board.identity(slot, epoch)
    if (identity === undefined) return undefined
    // A damaged identity has no id; the worker is still there to be seen.
    const owner: Owner = { epoch, ...identity, id: identity.id || `?slot-${slot}` }
    this.#owners[slot] = owner
    return owner
  }

  /** Undefined when nothing was published yet, when it cannot be read, or when the worker is gone. */
  status(entry: number): Status | undefined {
    return this.#isPlain(entry) ? this.#plainText(entry) : this.#read(entry, OVERFLOW_TRIES)?.status
  }

  /** Everything that an entry's record says, good until the next call; undefined when the worker is gone by now. */
  read(entry: number): Reading | undefined {
    if (!this.#isPlain(entry)) return this.#read(entry, OVERFLOW_TRIES)
    const base = entry * ENTRY_NUMBERS
    const reading = this.#plain
    reading.status = this.#plainText(entry)
    reading.updates = this.#entries[base + EntryField.updates]!
    reading.wallMs = this.#entries[base + EntryField.wallMs]!
    reading.monotonicMs = this.#entries[base + EntryField.monotonicNs]! / 1e6
    return reading
  }

  #isPlain(entry: number): boolean {
    const base = entry * ENTRY_NUMBERS
    const entries = this.#entries
    return (
      entries[base + EntryField.encoding] === Encoding.ascii &&
      entries[base + EntryField.kind] === RecordKind.inline &&
      entries[base + EntryField.verdict] === Verdict.live
    )
  }

  #read(entry: number, tries: number): Reading | undefined {
    const reading: Reading = {
      status: undefined,
      updates: this.field(entry, EntryField.updates),
      wallMs: this.field(entry, EntryField.wallMs),
      monotonicMs: this.field(entry, EntryField.monotonicNs) / 1e6,
    }
    const verdict = this.verdict(entry)
    if (verdict === Verdict.busy) {
      reading.updates = 0
      return Object.assign(reading, {
        error: this.#error(entry, 'BUSY', 'its writer kept overtaking the reader'),
      })
    }
    if (verdict === Verdict.bad || verdict === Verdict.badDied) {
      return Object.assign(reading, { error: this.#error(entry, 'BAD_RECORD', 'its record is damaged') })
    }
    const kind = this.field(entry, EntryField.kind)
    if (kind === RecordKind.overflow) return this.#readOverflow(entry, tries, reading)
    if (kind !== RecordKind.inline) return reading
    return this.#decode(entry, this.#payloadOf(entry), reading)
  }

  #readOverflow(entry: number, tries: number, reading: Reading): Reading | undefined {
    const owner = this.owner(entry)
    if (owner === undefined) return undefined
    const file = {
      boardId: this.#board.boardId,
      slot: this.slot(entry),
      epoch: this.epoch(entry),
      generation: this.field(entry, EntryField.generation),
      length: this.field(entry, EntryField.wholeLength),
      crc32c: this.field(entry, EntryField.crc32c),
      uid: owner.uid,
    }
    const found = this.#files.read(file)
    if ('bytes' in found) return this.#decode(entry, found.bytes, reading)
    // Most likely the worker has published something newer since and removed this file.
    this.#again ??= new SlotReader(this.#board, this.#directory, this.#maxStatusBytes)
    const again = this.#again
    if (again.scan(undefined, file.slot, file.slot + 1) === 0 || again.epoch(0) !== file.epoch)
      return undefined
    const moved = again.field(0, EntryField.seq) !== this.field(entry, EntryField.seq)
    if (moved && tries > 1) return again.#read(0, tries - 1)
    const code = found.problem === 'missing' ? 'OVERFLOW_MISSING' : 'OVERFLOW_CORRUPT'
    return Object.assign(reading, { error: this.#error(entry, code, found.why) })
  }

  #decode(entry: number, bytes: Buffer, reading: Reading): Reading {
    try {
      reading.status = decodeStatus(bytes, this.field(entry, EntryField.encoding))
    } catch (error) {
      reading.error = this.#error(entry, 'BAD_RECORD', `it is not the JSON it claims to be: ${error}`)
    }
    return reading
  }

  #error(entry: number, code: WorkerEntryError['code'], why: string): WorkerEntryError {
    const message = `Cannot read the status in slot ${this.slot(entry)}: ${why}`
    const preview = previewOf(this.#payloadOf(entry))
    return preview === undefined ? { code, message } : { code, message, preview }
  }

  #payloadOf(entry: number): Buffer {
    const offset = this.field(entry, EntryField.offset)
    return this.#payload.subarray(offset, offset + this.field(entry, EntryField.length))
  }

  #plainText(entry: number): string {
    const base = entry * ENTRY_NUMBERS
    const from = this.#entries[base + EntryField.offset]!
    const to = from + this.#entries[base + EntryField.length]!
    if (from < this.#textFrom || to > this.#textFrom + this.#text.length) {
      const last = (this.#count - 1) * ENTRY_NUMBERS
      const used = this.#entries[last + EntryField.offset]! + this.#entries[last + EntryField.length]!
      // What lies behind is most likely asked for next.
      this.#text = this.#payload.toString(
        'latin1',
        from,
        Math.min(used, Math.max(to, from + MAX_SHARED_TEXT_BYTES)),
      )
      this.#textFrom = from
    }
    return this.#text.substring(from - this.#textFrom, to - this.#textFrom)
  }
}
