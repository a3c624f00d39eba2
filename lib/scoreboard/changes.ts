// What moved since a reader looked last.
//
// A cursor is each slot's epoch and sequence number, as they were. No version of the whole board:
// every update of every worker would fight for it. Finding nothing new is one pass over two words
// for each slot, done by the addon.

import { EntryField, type NativeBoard, Verdict } from '../binding'
import { monotonicMs } from '../util/clock'
import { endingText } from './ending'
import type { SlotReader } from './slot-reader'
import type { Changes, Cursor, GoneWorker, WorkerChange, WorkerEntry } from './types'

/** What a cursor stands for. Never changed once it was given away. */
interface CursorState {
  boardId: string
  /** Two numbers for each slot: epoch (negative: its end was told) and sequence number. */
  known: Float64Array
  /** How many updates the slot's owner had published. */
  updates: Float64Array
  ids: (string | undefined)[]
}

const states = new WeakMap<Cursor, CursorState>()

function newCursor(state: CursorState): Cursor {
  const cursor = Object.freeze({}) as Cursor
  states.set(cursor, state)
  return cursor
}

function stateOf(cursor: Cursor | undefined, boardId: string): CursorState | undefined {
  if (cursor === undefined) return undefined
  const state = typeof cursor === 'object' && cursor !== null ? states.get(cursor) : undefined
  if (state === undefined) {
    throw new TypeError('Expected a cursor from snapshot() or changes() of this process')
  }
  if (state.boardId !== boardId) throw new RangeError('Expected a cursor of this board, got one of another')
  return state
}

function copyState(state: CursorState | undefined, boardId: string, slots: number): CursorState {
  const known = new Float64Array(2 * slots)
  const updates = new Float64Array(slots)
  if (state === undefined) return { boardId, known, updates, ids: [] }
  known.set(state.known)
  updates.set(state.updates)
  return { boardId, known, updates, ids: [...state.ids] }
}

function remember(state: CursorState, reader: SlotReader, entry: number, worker: WorkerEntry): void {
  const { slot } = worker
  // A record that cannot be read does not say how many updates there were.
  const least = state.known[2 * slot] === worker.epoch ? state.updates[slot]! : 0
  state.known[2 * slot] = worker.epoch
  state.known[2 * slot + 1] = reader.field(entry, EntryField.seq)
  state.updates[slot] = Math.max(least, worker.updates)
  state.ids[slot] = worker.id
}

/** The cursor of a reader that has seen these workers; `entries` are where the reader has them. */
export function cursorOf(
  board: NativeBoard,
  reader: SlotReader,
  workers: WorkerEntry[],
  entries: number[],
): Cursor {
  const state = copyState(undefined, board.boardId, board.highWater())
  for (let i = 0; i < workers.length; i++) {
    if (workers[i]!.state === 'live') remember(state, reader, entries[i]!, workers[i]!)
  }
  return newCursor(state)
}

type MakeEntry = (entry: number, nowMs: number) => WorkerEntry | undefined

/** The same object, which is nobody else's yet: to copy each cost most of the time of a first look. */
function asChange(worker: WorkerEntry, merged: number, isNew: boolean): WorkerChange {
  const change = worker as WorkerChange
  change.merged = merged
  change.isNew = isNew
  return change
}

/** Everything that differs from what `since` has seen. */
export function readChanges(
  board: NativeBoard,
  reader: SlotReader,
  since: Cursor | undefined,
  makeEntry: MakeEntry,
): Changes {
  const { boardId, slots } = board
  const before = stateOf(since, boardId)
  const count = reader.scan(before?.known)
  const takenAt = Date.now()
  if (count === 0 && since !== undefined) {
    return { boardId, slots, workers: [], gone: [], cursor: since, takenAt }
  }
  const highest = count === 0 ? 0 : reader.slot(count - 1) + 1
  const state = copyState(before, boardId, Math.max(highest, (before?.known.length ?? 0) / 2))
  const now = monotonicMs()
  const workers: WorkerChange[] = []
  const gone: GoneWorker[] = []
  for (let entry = 0; entry < count; entry++) {
    const change = reader.isLive(entry) ? makeEntry(entry, now) : undefined
    // Not to be had right now, because it moves again: the next look will find it.
    if (reader.isLive(entry) && change === undefined) continue
    tellEnd(board, reader, entry, state, gone)
    if (change === undefined) continue
    const isNew = state.known[2 * change.slot] !== change.epoch
    const merged = Math.max(0, change.updates - (isNew ? 0 : state.updates[change.slot]!))
    // Its file was gone by the time it was opened: then more was read and told than the scan had found.
    const isKnown = merged === 0 && !isNew && change.error === undefined
    if (!isKnown) workers.push(asChange(change, merged, isNew))
    remember(state, reader, entry, change)
  }
  return { boardId, slots, workers, gone, cursor: newCursor(state), takenAt }
}

/** Whether the owner that the cursor knows in an entry's slot is there no more; then says so, once. */
function tellEnd(
  board: NativeBoard,
  reader: SlotReader,
  entry: number,
  state: CursorState,
  gone: GoneWorker[],
): void {
  const slot = reader.slot(entry)
  const epoch = reader.epoch(entry)
  const known = state.known[2 * slot]!
  const isLive = reader.isLive(entry)
  if (known > 0 && (known !== epoch || !isLive)) {
    const verdict = reader.verdict(entry)
    const died = known === epoch ? verdict !== Verdict.closed : board.endedByDeath(slot, known)
    const ended: GoneWorker = { id: state.ids[slot]!, slot, epoch: known, reason: died ? 'died' : 'closed' }
    const ending = died && known === epoch ? endingText(reader.field(entry, EntryField.ending)) : undefined
    if (ending !== undefined) ended.ending = ending
    gone.push(ended)
  }
  if (!isLive) state.known[2 * slot] = -epoch
}

/** Whether two readers have seen the same. */
export function isSameCursor(a: Cursor | undefined, b: Cursor | undefined): boolean {
  if (a === b) return true
  const [one, other] = [a && states.get(a), b && states.get(b)]
  if (one === undefined || other === undefined || one.boardId !== other.boardId) return false
  return one.known.length === other.known.length && Buffer.compare(bytesOf(one), bytesOf(other)) === 0
}

function bytesOf({ known }: CursorState): Buffer {
  return Buffer.from(known.buffer, known.byteOffset, known.byteLength)
}

/** Whether there is nothing in it. */
export function isEmpty(changes: Changes): boolean {
  return changes.workers.length === 0 && changes.gone.length === 0
}
