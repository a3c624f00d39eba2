// The workers of some slots as bytes: deflated JSON, a list for each worker. Hostile until it has passed here: a
// deflate bomb ends at a bound, and a row that is none of ours costs itself and no other.

import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Status, WorkerEntry, WorkerEntryError } from '../scoreboard/types'
import { isAmount, isCount, isIntegerFrom, isRecord, MAX_TIME_MS, parseJson } from '../util/bounds'
import { isCounterName, isText, MAX_COUNTERS, MAX_SLOTS, SLOTS_PER_PART } from './record'
import { cutStatus, decodeStatus, type WireStatus } from './status'

/** What a part may inflate to: workers with the longest of everything are less. */
export const MAX_PART_BYTES = 8 * 1024 * 1024
/** What a store takes in one node, with some room. */
const MAX_DEFLATED_BYTES = 1_000_000
/** Fast: a part is small, and is written by a machine that has other work. */
const LEVEL = 1
const MAX_ID = 128
const MAX_ENDING = 64
const MAX_MESSAGE = 1024
/** More ends than that in one part within a minute are not told one by one. */
export const MAX_ENDED = 256

/** One worker. What grows with time is told by when it began, by `performance.now()` of the reader. */
export interface Row {
  readonly slot: number
  readonly epoch: number
  readonly id: string
  readonly pid: number
  readonly threadId: number
  readonly isLive: boolean
  readonly isBlocked: boolean
  readonly updates: number
  readonly startedAt: number
  readonly updatedAt: number | undefined
  readonly publishedAt: number | undefined
  readonly heartbeatMs: number | undefined
  readonly beatAt: number | undefined
  readonly processStart: number
  readonly pidNamespace: number
  readonly counters: Record<string, number>
  readonly status: Status | undefined
  readonly statusCut: boolean
  readonly diedAt: number | undefined
  readonly ending: string | undefined
  readonly error: WorkerEntryError | undefined
}

/** An owner of a slot that is there no more, for viewers that have known it. */
export interface Ended {
  readonly slot: number
  readonly epoch: number
  readonly died: boolean
  readonly ending: string | undefined
}

export interface Part {
  readonly revision: number
  /** By slot. */
  readonly rows: readonly Row[]
  readonly ended: readonly Ended[]
  /** How many of its rows were none of ours. */
  readonly bad: number
  /** What it was inflated to, in bytes. */
  readonly size: number
}

export interface PartToWrite {
  readonly revision: number
  readonly counterNames: readonly string[]
  readonly workers: readonly WorkerEntry[]
  readonly ended: readonly Ended[]
  readonly statusBytes: number
  readonly isBlocked: (worker: WorkerEntry) => boolean
}

export function encodePart(part: PartToWrite): Uint8Array {
  for (let statusBytes = part.statusBytes; ; statusBytes = Math.floor(statusBytes / 2)) {
    const bytes = deflateRawSync(textOf(part, statusBytes), { level: LEVEL })
    // Statuses are all that can be so long, and 0 of their bytes are not.
    if (bytes.length <= MAX_DEFLATED_BYTES || statusBytes === 0) return bytes
  }
}

function textOf(
  { revision, counterNames, workers, ended, isBlocked }: PartToWrite,
  statusBytes: number,
): string {
  const rows = workers.map((worker) =>
    toWire(worker, { counterNames, isBlocked: isBlocked(worker), statusBytes }),
  )
  const ends = ended.map(({ slot, epoch, died, ending }) => [slot, epoch, died ? 1 : 0, ending ?? null])
  return JSON.stringify({ revision, counters: counterNames, rows, ended: ends })
}

const LIVE = 1
const BLOCKED = 2
const CUT = 4

type WireRow = [
  slot: number,
  epoch: number,
  id: string,
  pid: number,
  threadId: number,
  flags: number,
  updates: number,
  startedAt: number,
  updatedAt: number | null,
  ageMs: number | null,
  heartbeatMs: number | null,
  heartbeatAgeMs: number | null,
  processStart: number,
  pidNamespace: number,
  counters: number[],
  statusKind: number,
  status: string,
  deadForMs: number | null,
  ending: string | null,
  error: WorkerEntryError | null,
]

/** What a newer release may have added behind is not looked at. */
const WIRE_FIELDS: WireRow['length'] = 20
const isWireRow = (value: unknown): value is WireRow => Array.isArray(value) && value.length >= WIRE_FIELDS

interface RowContext {
  readonly counterNames: readonly string[]
  readonly isBlocked: boolean
  readonly statusBytes: number
}

const whole = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms))

function toWire(worker: WorkerEntry, { counterNames, isBlocked, statusBytes }: RowContext): WireRow {
  const { kind, text, isCut } = cutStatus(worker.status, statusBytes)
  const flags = flagsOf({ isLive: worker.state === 'live', isBlocked, statusCut: isCut })
  return [
    worker.slot,
    worker.epoch,
    worker.id,
    worker.pid,
    worker.threadId,
    flags,
    worker.updates,
    whole(worker.startedAt)!,
    whole(worker.updatedAt),
    whole(worker.ageMs),
    whole(worker.heartbeatMs),
    whole(worker.heartbeatAgeMs),
    worker.processStart ?? 0,
    worker.pidNamespace ?? 0,
    counterNames.map((name) => worker.counters[name] ?? 0),
    kind,
    text,
    whole(worker.deadForMs),
    worker.ending ?? null,
    worker.error ?? null,
  ]
}

/** What a reader knows besides the bytes. */
export interface PartReading {
  /** When they were written, by `performance.now()`. */
  readonly writtenAt: number
  /** Rows of the revision before: those that have not moved are kept as they are. */
  readonly before?: readonly Row[] | undefined
}

/**
 * @throws {Error} it is no part, or more than one can be
 */
export function decodePart(bytes: Uint8Array, { writtenAt, before = [] }: PartReading): Part {
  const json = inflateRawSync(bytes, { maxOutputLength: MAX_PART_BYTES })
  const value = parseJson(json)
  if (!isRecord(value)) throw new Error('It is no record')
  const { revision, counters, rows, ended } = value
  if (!isCount(revision)) throw new Error('It has no revision')
  if (!Array.isArray(counters) || counters.length > MAX_COUNTERS || !counters.every(isCounterName)) {
    throw new Error('It has no names of counters')
  }
  if (!Array.isArray(rows) || rows.length > SLOTS_PER_PART) throw new Error('It has no list of workers')
  if (!Array.isArray(ended) || ended.length > MAX_ENDED) throw new Error('It has no list of ends')
  const known = new Map(before.map((row) => [row.slot, row]))
  const bySlot = new Map<number, Row>()
  for (const row of rows) {
    const old = known.get(row?.[0])
    const now = old !== undefined && isSame(old, row, counters) ? old : fromWire(row, counters, writtenAt)
    if (now !== undefined) bySlot.set(now.slot, now)
  }
  const sorted = [...bySlot.values()].sort((a, b) => a.slot - b.slot)
  const bad = rows.length - sorted.length
  return { revision, rows: sorted, ended: ended.filter(isEnd).map(endOf), bad, size: json.length }
}

/** Whether a row says what one says that was read before. A worker that has moved has other numbers. */
function isSame(old: Row, value: unknown, names: readonly string[]): boolean {
  if (!isWireRow(value)) return false
  const [, epoch, , , , flags, updates, , , , , , , , counters, , , , ending] = value
  return (
    old.epoch === epoch &&
    old.updates === updates &&
    flagsOf(old) === flags &&
    (old.ending ?? null) === ending &&
    old.error === undefined &&
    Array.isArray(counters) &&
    names.length === counters.length &&
    names.every((name, at) => old.counters[name] === counters[at])
  )
}

const flagsOf = ({ isLive, isBlocked, statusCut }: Pick<Row, 'isLive' | 'isBlocked' | 'statusCut'>) =>
  (isLive ? LIVE : 0) | (isBlocked ? BLOCKED : 0) | (statusCut ? CUT : 0)

function isEnd(value: unknown): value is [number, number, number, string | null] {
  if (!Array.isArray(value)) return false
  const [slot, epoch, died, ending] = value
  return isCount(slot, MAX_SLOTS) && isCount(epoch) && isCount(died, 1) && isOptional(ending, isEnding)
}

const endOf = ([slot, epoch, died, ending]: [number, number, number, string | null]): Ended => ({
  slot,
  epoch,
  died: died === 1,
  ending: ending ?? undefined,
})

const isEnding = (value: unknown) => isText(value, MAX_ENDING)
const isOptional = (value: unknown, isIt: (value: unknown) => boolean) => value === null || isIt(value)
const isTime = (value: unknown) => isAmount(value, MAX_TIME_MS)

const ERROR_CODES: readonly unknown[] = ['BUSY', 'BAD_RECORD', 'OVERFLOW_MISSING', 'OVERFLOW_CORRUPT']

function isError(value: unknown): boolean {
  if (!isRecord(value)) return false
  const { code, message, preview } = value
  return (
    ERROR_CODES.includes(code) &&
    isText(message, MAX_MESSAGE) &&
    (preview === undefined || (typeof preview === 'string' && preview.length <= MAX_MESSAGE))
  )
}

/** Undefined where it is no row of ours. */
function fromWire(value: unknown, names: readonly string[], writtenAt: number): Row | undefined {
  if (!isWireRow(value)) return undefined
  const [slot, epoch, id, pid, threadId, flags, updates, startedAt, updatedAt, ageMs, ...more] =
    value as WireRow
  const [
    heartbeatMs,
    heartbeatAgeMs,
    processStart,
    pidNamespace,
    counters,
    kind,
    text,
    deadForMs,
    ending,
    error,
  ] = more
  const isSound =
    isCount(slot, MAX_SLOTS - 1) &&
    isCount(epoch) &&
    typeof id === 'string' &&
    id.length <= MAX_ID &&
    isCount(pid) &&
    isCount(threadId) &&
    isIntegerFrom(flags, 0, LIVE | BLOCKED | CUT) &&
    isCount(updates) &&
    isTime(startedAt) &&
    isOptional(updatedAt, isTime) &&
    isOptional(ageMs, isTime) &&
    isOptional(heartbeatMs, isTime) &&
    isOptional(heartbeatAgeMs, isTime) &&
    isCount(processStart, Number.MAX_SAFE_INTEGER) &&
    isCount(pidNamespace, Number.MAX_SAFE_INTEGER) &&
    Array.isArray(counters) &&
    counters.length === names.length &&
    counters.every(Number.isFinite) &&
    isOptional(deadForMs, isTime) &&
    isOptional(ending, isEnding) &&
    isOptional(error, isError)
  if (!isSound) return undefined
  const decoded = decodeStatus({ kind, text, isCut: (flags & CUT) !== 0 } as WireStatus)
  if (decoded === undefined) return undefined
  return {
    slot,
    epoch,
    id,
    pid,
    threadId,
    isLive: (flags & LIVE) !== 0,
    isBlocked: (flags & BLOCKED) !== 0,
    updates,
    startedAt,
    updatedAt: updatedAt ?? undefined,
    publishedAt: ageMs === null ? undefined : writtenAt - ageMs,
    heartbeatMs: heartbeatMs ?? undefined,
    beatAt: heartbeatAgeMs === null ? undefined : writtenAt - heartbeatAgeMs,
    processStart,
    pidNamespace,
    counters: Object.fromEntries(names.map((name, at) => [name, counters[at]!])),
    status: decoded.status,
    statusCut: (flags & CUT) !== 0,
    diedAt: deadForMs === null ? undefined : writtenAt - deadForMs,
    ending: ending ?? undefined,
    error: error ?? undefined,
  }
}
