// What a caller of the fleet passes in, checked once.

import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { checkConnectOptions } from '../queue/check-options'
import type { ConnectOptions } from '../queue/types'
import { MAX_MS } from '../util/bounds'
import { checkOptions, describeValue, optionalInteger, optionalSignal } from '../util/check-options'
import type { AgentOptions } from './agent'
import type { BoardSource } from './followed-board'
import { MAX_INTERVAL_MS, MIN_INTERVAL_MS } from './names'
import { isLabel, isText, MAX_BOARDS, MAX_LABELS, MAX_NAME_BYTES } from './record'
import { MAX_STATUS_BYTES } from './status'
import type { FleetConnectOptions, FleetViewOptions, FleetWatchOptions, JoinOptions } from './types'

const DEFAULT_INTERVAL_MS = 1000
const DEFAULT_BLOCKED_MS = 3000
const DEFAULT_RETAIN_MS = 3_600_000
const DEFAULT_STATUS_BYTES = 512
const CONNECT = ['sessionTimeoutMs', 'connectTimeoutMs', 'auth', 'tls', 'allowSharedDirectory', 'signal']
const JOIN = [
  ...['boards', 'name', 'labels', 'page', 'statusBytes'],
  ...['retainMs', 'intervalMs', 'blockedAfterMs'],
]

export function checkForgetOptions(options: FleetConnectOptions): void {
  checkOptions(options, CONNECT, 'the options of forget()')
  checkConnectOptions(options)
}

export interface CheckedView {
  readonly connect: ConnectOptions
  readonly intervalMs: number
}

export function checkViewOptions(options: FleetViewOptions): CheckedView {
  checkOptions(options, [...CONNECT, 'minIntervalMs'], 'the options of connect()')
  const { minIntervalMs, ...connect } = options
  checkConnectOptions(connect)
  return { connect, intervalMs: interval(minIntervalMs, 'minIntervalMs') }
}

export function checkWatchOptions(options: FleetWatchOptions): {
  signal: AbortSignal | undefined
  minIntervalMs: number
} {
  checkOptions(options, ['signal', 'minIntervalMs'], 'the options of watch()')
  return {
    signal: optionalSignal(options.signal, 'signal'),
    minIntervalMs: optionalInteger(options.minIntervalMs, 'minIntervalMs', 0, MAX_MS) ?? 0,
  }
}

export function checkJoinOptions(options: JoinOptions): { connect: ConnectOptions; agent: AgentOptions } {
  checkOptions(options, [...CONNECT, ...JOIN], 'the options of join()')
  const { boards, name, labels, page, statusBytes, retainMs, intervalMs, blockedAfterMs, ...connect } =
    options
  checkConnectOptions(connect)
  return {
    connect,
    agent: {
      boards: checkBoards(boards),
      name: checkText(name, 'name', MAX_NAME_BYTES) ?? hostname(),
      host: hostname(),
      labels: checkLabels(labels),
      page: checkPage(page),
      statusBytes: optionalInteger(statusBytes, 'statusBytes', 64, MAX_STATUS_BYTES) ?? DEFAULT_STATUS_BYTES,
      retainMs: optionalInteger(retainMs, 'retainMs', 0, MAX_MS) ?? DEFAULT_RETAIN_MS,
      intervalMs: interval(intervalMs, 'intervalMs'),
      blockedAfterMs: optionalInteger(blockedAfterMs, 'blockedAfterMs', 1, MAX_MS) ?? DEFAULT_BLOCKED_MS,
    },
  }
}

function interval(value: number | undefined, name: string): number {
  return optionalInteger(value, name, MIN_INTERVAL_MS, MAX_INTERVAL_MS) ?? DEFAULT_INTERVAL_MS
}

function checkBoards(boards: unknown): (BoardSource | string)[] {
  if (!Array.isArray(boards) || boards.length === 0 || boards.length > MAX_BOARDS) {
    const got = Array.isArray(boards) ? `a list of ${boards.length}` : describeValue(boards)
    throw new TypeError(
      `Expected option 'boards' to be a list of 1 to ${MAX_BOARDS} boards or directories, got ${got}`,
    )
  }
  const seen = new Set<string>()
  return boards.map((board: unknown) => {
    const isDirectory = typeof board === 'string' && board !== '' && !board.includes('\0')
    if (!isDirectory && !isBoard(board)) {
      throw new TypeError(
        `Expected option 'boards' to have boards or directories, got ${describeValue(board)}`,
      )
    }
    const dir = resolve(typeof board === 'string' ? board : board.baseDir)
    if (seen.has(dir))
      throw new TypeError(`Expected option 'boards' to have each board once, got ${dir} twice`)
    seen.add(dir)
    return typeof board === 'string' ? dir : board
  })
}

/** A Scoreboard, of another copy of this package too. */
function isBoard(value: unknown): value is BoardSource {
  const board = value as Partial<BoardSource> | null
  return (
    typeof board === 'object' && typeof board?.snapshot === 'function' && typeof board.baseDir === 'string'
  )
}

function checkText(value: unknown, name: string, maxBytes: number): string | undefined {
  if (value === undefined) return undefined
  const expected = `Expected option '${name}' to be a text of 1 to ${maxBytes} bytes without NUL, got ${describeValue(value)}`
  if (typeof value !== 'string') throw new TypeError(expected)
  if (value === '' || !isText(value, maxBytes)) throw new RangeError(expected)
  return value
}

function checkLabels(labels: unknown): Record<string, string> {
  if (labels === undefined) return {}
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) {
    throw new TypeError(`Expected option 'labels' to be an object, got ${describeValue(labels)}`)
  }
  const entries = Object.entries(labels as Record<string, unknown>)
  if (entries.length > MAX_LABELS) {
    throw new RangeError(`Expected option 'labels' to have at most ${MAX_LABELS}, got ${entries.length}`)
  }
  for (const [name, value] of entries) {
    if (isLabel(name, value)) continue
    throw new RangeError(
      `Expected option 'labels' to have names of 1 to 63 of A-Z a-z 0-9 _ . : / - and texts of up to 256 bytes, got ${describeValue(name)}: ${describeValue(value)}`,
    )
  }
  return Object.fromEntries(entries) as Record<string, string>
}

function checkPage(page: unknown): string | undefined {
  const text = checkText(page, 'page', 4096)
  if (text === undefined || /^https?:\/\/[^\s]+$/.test(text)) return text
  throw new TypeError(`Expected option 'page' to be an http:// or https:// URL, got ${describeValue(page)}`)
}
