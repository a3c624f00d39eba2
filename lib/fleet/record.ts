// What a machine says of itself in one node: who it is, and of each board how many workers it has and which
// revision of each part of them is the newest. JSON, and hostile until it has passed here.

import {
  isAmount,
  isCount,
  isIntegerFrom,
  isRecord,
  MAX_MS,
  MAX_TIME_MS,
  named,
  parseRecord,
} from '../util/bounds'
import { WatchdogError } from '../util/errors'
import { isLife, MAX_INTERVAL_MS } from './names'

export const FORMAT = 'rollcall-fleet'
export const VERSION = 1

/** Slots whose workers are in one node. */
export const SLOTS_PER_PART = 64
export const MAX_BOARDS = 16
export const MAX_SLOTS = 65_535
export const MAX_PARTS = Math.ceil(MAX_SLOTS / SLOTS_PER_PART)
export const MAX_COUNTERS = 64
export const MAX_LABELS = 32
export const MAX_LABEL_BYTES = 256
export const MAX_NAME_BYTES = 128
const LABEL = /^[\w.:/-]{1,63}$/
const MAX_RECORD_BYTES = 768 * 1024
const MAX_PATH = 4096
const MAX_URL = 4096
const MAX_COUNTER_NAME = 128
export const MAX_ERROR_BYTES = 1024

/** One board, as in `FleetBoard`, with the newest revision of each part that was ever written in this life. */
export interface BoardRecord {
  readonly dir: string
  readonly boardId: string
  readonly slots: number
  readonly live: number
  readonly busy: number
  readonly blocked: number
  readonly dead: number
  readonly kinds: Record<string, 'counter' | 'gauge'>
  readonly totals: Record<string, number>
  readonly parts: readonly (readonly [part: number, revision: number])[]
  /** Why it cannot be read. Undefined too while there is none. */
  readonly error?: string
}

/** The life of the machine before this one, where that was lost and its boards with it: they have its last words. */
export interface LifeBefore {
  readonly life: string
  readonly boards: readonly BoardRecord[]
}

export interface MemberRecord {
  readonly name: string
  readonly host: string
  readonly labels: Record<string, string>
  readonly page?: string
  readonly joinedAt: number
  readonly phase: 'joined' | 'left'
  /** Whose parts count. */
  readonly life: string
  /** Which demand for news its parts are written for, in milliseconds; 0: nobody looks, they may be a minute old. */
  readonly followMs: number
  readonly retainMs: number
  readonly boards: readonly BoardRecord[]
  readonly before?: LifeBefore
}

export function encodeRoot(): Uint8Array {
  return Buffer.from(JSON.stringify({ format: FORMAT, version: VERSION }))
}

/** Refuses a root that is none of a fleet, or of a newer one. */
export function checkRoot(data: Uint8Array, url: string): void {
  const record = parseRecord(data)
  if (record?.format !== FORMAT) {
    const what = record?.format === 'rollcall-queue' ? 'a queue' : 'something else'
    throw new WatchdogError(
      'ERR_UNSUPPORTED',
      `There is ${what} at ${url}, not a fleet; give the fleet a path of its own`,
    )
  }
  if (record.version === VERSION) return
  throw new WatchdogError(
    'ERR_VERSION',
    `The fleet at ${url} has format ${named(record.version)}; this version of rollcall knows ${VERSION}. Use the version of rollcall that made it`,
  )
}

export const encodeMember = (record: MemberRecord): Uint8Array => Buffer.from(JSON.stringify(record))

/** Undefined where those bytes are no record of a member. */
export function decodeMember(data: Uint8Array): MemberRecord | undefined {
  if (data.length > MAX_RECORD_BYTES) return undefined
  const record = parseRecord(data)
  if (record === undefined) return undefined
  const { name, host, labels, page, joinedAt, phase, life, followMs, retainMs, boards, before } = record
  const isSound =
    isText(name, MAX_NAME_BYTES) &&
    name !== '' &&
    isText(host, MAX_COUNTER_NAME * 2) &&
    isTable(labels, MAX_LABELS, isLabel) &&
    (page === undefined || isText(page, MAX_URL)) &&
    isAmount(joinedAt, MAX_TIME_MS) &&
    (phase === 'joined' || phase === 'left') &&
    isLife(life) &&
    isCount(followMs, MAX_INTERVAL_MS) &&
    isIntegerFrom(retainMs, 0, MAX_MS) &&
    areBoards(boards) &&
    (before === undefined || (isRecord(before) && isLife(before.life) && areBoards(before.boards)))
  if (!isSound) return undefined
  const known = { name, host, labels: plain(labels), joinedAt, phase, life, followMs, retainMs }
  return {
    ...known,
    ...(page === undefined ? {} : { page }),
    boards: boards.map(plainBoard),
    ...(before === undefined ? {} : { before: plainBefore(before as unknown as LifeBefore) }),
  } as MemberRecord
}

export function isLabel(name: string, value: unknown): value is string {
  return LABEL.test(name) && isText(value, MAX_LABEL_BYTES)
}

/** So many bytes at most, and nothing that ends a string elsewhere. */
export function isText(value: unknown, maxBytes: number): value is string {
  if (typeof value !== 'string' || value.length > maxBytes) return false
  return !value.includes('\0') && Buffer.byteLength(value) <= maxBytes
}

function isTable(
  value: unknown,
  most: number,
  isEntry: (name: string, value: unknown) => boolean,
): value is Readonly<Record<string, unknown>> {
  if (!isRecord(value)) return false
  const entries = Object.entries(value)
  return entries.length <= most && entries.every(([name, one]) => isEntry(name, one))
}

function areBoards(value: unknown): value is BoardRecord[] {
  return Array.isArray(value) && value.length <= MAX_BOARDS && value.every(isBoard)
}

function isBoard(value: unknown): boolean {
  if (!isRecord(value)) return false
  const { dir, boardId, slots, live, busy, blocked, dead, kinds, totals, parts, error } = value
  return (
    isText(dir, MAX_PATH) &&
    isText(boardId, 64) &&
    (error === undefined || isText(error, MAX_ERROR_BYTES)) &&
    [slots, live, busy, blocked, dead].every((count) => isCount(count, MAX_SLOTS)) &&
    isTable(
      kinds,
      MAX_COUNTERS,
      (name, kind) => isCounterName(name) && (kind === 'counter' || kind === 'gauge'),
    ) &&
    isTable(totals, MAX_COUNTERS, (name, total) => isCounterName(name) && Number.isFinite(total)) &&
    Array.isArray(parts) &&
    parts.length <= MAX_PARTS &&
    parts.every(isPart) &&
    new Set(parts.map(([part]) => part)).size === parts.length
  )
}

function isPart(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && isCount(value[0], MAX_PARTS - 1) && isCount(value[1])
}

export const isCounterName = (name: unknown): name is string => isText(name, MAX_COUNTER_NAME)

/** Own members only, `__proto__` too, without what else the record may have. */
const plain = <T>(table: Readonly<Record<string, T>>) => Object.fromEntries(Object.entries(table))

function plainBoard(board: BoardRecord): BoardRecord {
  const { dir, boardId, slots, live, busy, blocked, dead, kinds, totals, parts, error } = board
  const counts = { slots, live, busy, blocked, dead }
  const known = { dir, boardId, ...counts, kinds: plain(kinds), totals: plain(totals), parts }
  return error === undefined ? known : { ...known, error }
}

function plainBefore({ life, boards }: LifeBefore): LifeBefore {
  return { life, boards: boards.map(plainBoard) }
}
