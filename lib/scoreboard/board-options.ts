// What a caller asks of a board, checked and completed.

import { resolve } from 'node:path'
import { CounterKind } from '../binding'
import { checkOptions, describeValue, optionalBoolean, optionalInteger } from '../util/check-options'
import { threadId } from './thread-id'
import type { ScoreboardOptions } from './types'

const OPTIONS = [
  'baseDir',
  'workerId',
  'slots',
  'inlineBytes',
  'maxStatusBytes',
  'counters',
  'sharedCounters',
  'readOnly',
  'mode',
  'allowAnyFilesystem',
  'externalBuffers',
  'deadForMs',
  'heartbeatMs',
] as const satisfies readonly (keyof ScoreboardOptions)[]

const DEFAULT_MAX_STATUS_BYTES = 16 * 1024 * 1024
const LARGEST_MAX_STATUS_BYTES = 1024 * 1024 * 1024
const DEFAULT_DEAD_FOR_MS = 600_000
const DEFAULT_HEARTBEAT_MS = 1000
const LONGEST_HEARTBEAT_MS = 3_600_000
const MAX_ID_BYTES = 128
const MAX_NAMES = 64
const MAX_NAME_BYTES = 62

export type NamedKind = [name: string, kind: number]

/** What the options say about a board that exists or is to be made; undefined where they say nothing. */
export interface WantedGeometry {
  slots: number | undefined
  inlineBytes: number | undefined
  counters: NamedKind[] | undefined
  sharedCounters: NamedKind[] | undefined
}

export interface CheckedOptions {
  baseDir: string
  workerId: string
  /** Whether the id was the caller's choice, so that no other will do. */
  isExplicitId: boolean
  geometry: WantedGeometry
  maxStatusBytes: number
  readOnly: boolean
  mode: number
  anyFilesystem: boolean
  externalBuffers: boolean
  deadForMs: number
  heartbeatMs: number
}

function checkBaseDir(value: unknown): string {
  const expected = `Expected option 'baseDir' to be a path, got ${describeValue(value)}`
  if (typeof value !== 'string') throw new TypeError(expected)
  if (value === '' || value.includes('\0')) throw new RangeError(expected)
  // Absolute: the program may change its working directory later.
  return resolve(value)
}

function checkWorkerId(value: unknown): string | undefined {
  if (value === undefined) return undefined
  const expected = `Expected option 'workerId' to be 1 to ${MAX_ID_BYTES} bytes of UTF-8 without NUL, got ${describeValue(value)}`
  if (typeof value !== 'string') throw new TypeError(expected)
  if (!isName(value, MAX_ID_BYTES)) throw new RangeError(expected)
  return value
}

/** Whether it is there, short enough, without NUL, and comes back from UTF-8 as it was. */
function isName(text: string, maxBytes: number): boolean {
  const bytes = Buffer.from(text, 'utf8')
  const fits = bytes.length >= 1 && bytes.length <= maxBytes
  return fits && !text.includes('\0') && bytes.toString('utf8') === text
}

function checkNames(names: readonly unknown[], option: string): void {
  if (names.length > MAX_NAMES) {
    throw new RangeError(
      `Expected option '${option}' to have at most ${MAX_NAMES} names, got ${names.length}`,
    )
  }
  for (const name of names) {
    const expected = `Expected the names in option '${option}' to be 1 to ${MAX_NAME_BYTES} bytes of UTF-8 without NUL, got ${describeValue(name)}`
    if (typeof name !== 'string') throw new TypeError(expected)
    if (!isName(name, MAX_NAME_BYTES)) throw new RangeError(expected)
  }
  if (new Set(names).size !== names.length) {
    throw new RangeError(`Expected the names in option '${option}' to differ from each other`)
  }
}

function checkCounters(value: unknown): NamedKind[] | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(
      `Expected option 'counters' to be an object like { requests: 'counter' }, got ${describeValue(value)}`,
    )
  }
  const entries = Object.entries(value)
  checkNames(
    entries.map(([name]) => name),
    'counters',
  )
  return entries.map(([name, kind]) => {
    if (kind === 'counter') return [name, CounterKind.counter]
    if (kind === 'gauge') return [name, CounterKind.gauge]
    throw new TypeError(
      `Expected counter '${name}' in option 'counters' to be 'counter' or 'gauge', got ${describeValue(kind)}`,
    )
  })
}

function checkSharedCounters(value: unknown): NamedKind[] | undefined {
  if (value === undefined) return undefined
  if (!Array.isArray(value)) {
    throw new TypeError(
      `Expected option 'sharedCounters' to be an array of names, got ${describeValue(value)}`,
    )
  }
  checkNames(value, 'sharedCounters')
  return value.map((name: string) => [name, CounterKind.shared])
}

export function checkScoreboardOptions(options: ScoreboardOptions): CheckedOptions {
  checkOptions(options, OPTIONS, 'the options of a Scoreboard')
  const workerId = checkWorkerId(options.workerId)
  return {
    baseDir: checkBaseDir(options.baseDir),
    workerId: workerId ?? (threadId() === 0 ? `${process.pid}` : `${process.pid}.${threadId()}`),
    isExplicitId: workerId !== undefined,
    geometry: {
      slots: optionalInteger(options.slots, 'slots', 1, 65535),
      inlineBytes: roundUp(optionalInteger(options.inlineBytes, 'inlineBytes', 64, 1048576)),
      counters: checkCounters(options.counters),
      sharedCounters: checkSharedCounters(options.sharedCounters),
    },
    maxStatusBytes:
      optionalInteger(options.maxStatusBytes, 'maxStatusBytes', 1, LARGEST_MAX_STATUS_BYTES) ??
      DEFAULT_MAX_STATUS_BYTES,
    readOnly: optionalBoolean(options.readOnly, 'readOnly') ?? false,
    mode: checkMode(options.mode),
    anyFilesystem: optionalBoolean(options.allowAnyFilesystem, 'allowAnyFilesystem') ?? false,
    externalBuffers: optionalBoolean(options.externalBuffers, 'externalBuffers') ?? true,
    deadForMs: checkDeadFor(options.deadForMs),
    heartbeatMs:
      optionalInteger(options.heartbeatMs, 'heartbeatMs', 0, LONGEST_HEARTBEAT_MS) ?? DEFAULT_HEARTBEAT_MS,
  }
}

function checkDeadFor(value: unknown): number {
  if (value === Number.POSITIVE_INFINITY) return value
  return optionalInteger(value, 'deadForMs', 0, 2 ** 31 - 1) ?? DEFAULT_DEAD_FOR_MS
}

function roundUp(inlineBytes: number | undefined): number | undefined {
  return inlineBytes === undefined ? undefined : Math.ceil(inlineBytes / 8) * 8
}

function checkMode(value: unknown): number {
  const mode = optionalInteger(value, 'mode', 0, 0o777) ?? 0o600
  if ((mode & 0o600) !== 0o600 || (mode & 0o111) !== 0) {
    throw new RangeError(
      `Expected option 'mode' to let the owner read and write and nobody execute, got 0o${mode.toString(8)}`,
    )
  }
  return mode
}
