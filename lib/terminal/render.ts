// A snapshot as text: a table, one line, a full screen, JSON. Pure functions; whoever calls
// them decides where the text goes and how wide and colourful it may be.

import type { Snapshot, Status, WorkerEntry } from '../scoreboard/types'
import { countKinds, countsText, kindOfWorker, wordOfWorker } from '../view/activity'
import { doingText } from '../view/doing'
import { bytesText } from '../view/numbers'
import { ageText, cut, escapeControls, indentedJson, statusText } from '../view/text'
import { type StateLimits, shownState } from '../view/worker-state'
import { colorsIf } from './colors'
import { REQUEST_PATH, requestColumns, servesRequests } from './request-columns'
import { type LastColumn, type TableColumn, tableLines } from './table'

export interface TableOptions {
  /** How wide a line may be, in columns. @default Infinity: nothing is cut off */
  columns?: number
  /** @default false */
  colors?: boolean
  /** Say of each worker whether it is live, blocked, stale or dead. @default false */
  state?: boolean
  /** A living worker silent for longer counts as stale, in milliseconds. @default Infinity */
  staleMs?: number
  /** How old the heart of a living worker may be before it counts as blocked, in milliseconds. @default three beats */
  blockedMs?: number
  /** Say of each worker what it costs, where the snapshot has it. @default false */
  vitals?: boolean
  /** How a status reads, on one line of at most `columns` columns. @default doingText */
  statusText?: (status: Status | undefined, columns: number) => string
}

export interface ScreenOptions extends TableOptions {
  /** The first line, before the counts. */
  title: string
  /** How many lines there are. */
  rows: number
  /** The last line. */
  footer?: string
}

/**
 * The columns of a board, and what comes last: of one whose workers serve requests what mod_status shows, else the
 * status. `more` stands between what all workers have and what they do.
 */
export function boardColumns(
  snapshot: Snapshot,
  options: TableOptions,
  more: readonly TableColumn<WorkerEntry>[] = [],
): { columns: TableColumn<WorkerEntry>[]; last: LastColumn<WorkerEntry> } {
  const { takenAt } = snapshot
  const columns = [...workerColumns(takenAt, options), ...more]
  const lastOf = (name: string, shown: TableOptions) => ({
    name,
    text: (worker: WorkerEntry, room: number) => entryText(worker, room, shown),
  })
  if (options.statusText !== undefined || !servesRequests(snapshot))
    return { columns, last: lastOf('STATUS', options) }
  // The time in a state says what the age would; the path is what people want to see.
  const fewer = columns.map((column) => (column.name === 'AGE' ? { ...column, dropOrder: 5 } : column))
  const last = lastOf(REQUEST_PATH.name, { ...options, statusText: REQUEST_PATH.text })
  return { columns: [...fewer, ...requestColumns(snapshot, options)], last }
}

/** A header and one line for each worker, in the order of the snapshot. */
export function renderTable(snapshot: Snapshot, options: TableOptions = {}): string[] {
  const { columns, last } = boardColumns(snapshot, options)
  const lines = tableLines(snapshot.workers, columns, last, options.columns)
  return lines.map((line, row) => decorate(line, snapshot, row - 1, options))
}

/** `3 living, 2 busy, 1 blocked, 1 dead, 1024 slots`. */
export function renderLine(snapshot: Snapshot, limits: StateLimits = {}): string {
  const kinds = snapshot.workers.map((worker) => kindOfWorker(worker, snapshot.takenAt, limits))
  return `${countsText(countKinds(kinds))}, ${snapshot.slots} slots`
}

/** Exactly as many lines as fit: title and counts, the table, how many workers had no room, the footer. */
export function renderScreen(snapshot: Snapshot, options: ScreenOptions): string[] {
  const { columns = Infinity, footer } = options
  const room = Math.max(1, options.rows - 3 - (footer === undefined ? 0 : 1))
  const hidden = snapshot.workers.length - room
  const shown = hidden > 0 ? snapshot.workers.slice(0, room - 1) : snapshot.workers
  const lines = [
    cut(`${escapeControls(options.title)}  ${renderLine(snapshot, options)}`, columns),
    '',
    ...renderTable({ ...snapshot, workers: shown }, { ...options, state: true }),
  ]
  if (hidden > 0) lines.push(cut(`... and ${hidden + 1} more`, columns))
  const last = footer === undefined ? [] : [cut(footer, columns)]
  return [...lines.slice(0, Math.max(0, options.rows - last.length)), ...last]
}

/**
 * The snapshot as JSON, without its cursor. Bytes are `{ "type": "bytes", "base64": "..." }`; what is not
 * known is left out.
 */
export function renderJson(snapshot: Snapshot, indent?: number, limits: StateLimits = {}): string {
  const { cursor: _, ...rest } = snapshot
  const workers = snapshot.workers.map((worker) => ({
    ...worker,
    status: jsonStatus(worker.status),
    kind: kindOfWorker(worker, snapshot.takenAt, limits),
  }))
  const whole = { ...rest, workers }
  return indent === undefined ? JSON.stringify(whole) : indentedJson(whole, indent)
}

/** A status as JSON can carry it: bytes are `{ "type": "bytes", "base64": "..." }`. */
export function jsonStatus(status: Status | undefined): unknown {
  if (!(status instanceof Uint8Array)) return status
  return { type: 'bytes', base64: Buffer.from(status).toString('base64') }
}

/** Everything about a worker but its status. */
export function workerColumns(takenAt: number, options: TableOptions): TableColumn<WorkerEntry>[] {
  const idColumns = Math.max(8, Math.floor((options.columns ?? Infinity) * 0.3))
  const state: TableColumn<WorkerEntry> = {
    name: 'STATE',
    text: (worker) => stateText(worker, takenAt, options).replace('dead', 'DEAD'),
  }
  return [
    { name: 'SLOT', align: 'right', dropOrder: 3, text: (worker) => String(worker.slot) },
    { name: 'ID', text: (worker) => cut(escapeControls(worker.id), Math.min(idColumns, 128)) },
    { name: 'PID', align: 'right', dropOrder: 2, text: (worker) => String(worker.pid) },
    { name: 'AGE', align: 'right', text: (worker) => ageText(worker.ageMs) },
    { name: 'UPDATES', align: 'right', dropOrder: 1, text: (worker) => String(worker.updates) },
    ...(options.vitals ? VITALS : []),
    ...(options.state ? [state] : []),
  ]
}

/** A process in one of these runs nothing at all. */
const PROC_STATES: Record<string, string> = { T: 'stopped', t: 'traced', D: 'in device', F: 'paused' }

const VITALS: TableColumn<WorkerEntry>[] = [
  { name: 'CPU%', align: 'right', dropOrder: 1, text: ({ vitals }) => vitals?.cpuPercent.toFixed(1) ?? '-' },
  {
    name: 'MEM',
    align: 'right',
    dropOrder: 1,
    text: ({ vitals }) => (vitals ? bytesText(vitals.rssBytes) : '-'),
  },
]

/** `live`, `dead SIGKILL`, `blocked 12s`; why it is blocked, where its process is not even running. */
export function stateText(worker: WorkerEntry, takenAt: number, limits: StateLimits): string {
  if (worker.state === 'dead') return `dead ${worker.ending ?? ''}`.trimEnd()
  if (shownState(worker, takenAt, limits) !== 'blocked') return wordOfWorker(worker, takenAt, limits)
  const how = PROC_STATES[worker.vitals?.procState ?? '']
  return `${how ?? 'blocked'} ${ageText(worker.heartbeatAgeMs)}`
}

/** A status, or why there is none, on one line. */
export function entryText(worker: WorkerEntry, columns: number, options: TableOptions): string {
  const room = Math.max(1, columns)
  if (!worker.error) return (options.statusText ?? doingText)(worker.status, room)
  const { code, message, preview } = worker.error
  return statusText(`! ${code}: ${message}${preview === undefined ? '' : ` (${preview})`}`, room)
}

function decorate(line: string, snapshot: Snapshot, row: number, options: TableOptions): string {
  const { bold, red, yellow } = colorsIf(options.colors ?? false)
  const worker = snapshot.workers[row]
  if (!worker) return bold(line)
  const state = shownState(worker, snapshot.takenAt, options)
  if (state === 'dead' || state === 'blocked') return red(line)
  return state === 'stale' || worker.error ? yellow(line) : line
}
