// A snapshot as text: a table, one line, a full screen, JSON. Pure functions; whoever calls
// them decides where the text goes and how wide and colourful it may be.

import Table from 'cli-table3'
import pc from 'picocolors'
import stringWidth from 'string-width'

import type { Snapshot, Status, WorkerEntry } from '../scoreboard/types'
import { ageText, cut, harmless, statusText } from './text'

export interface TableOptions {
  /** How wide a line may be, in columns. @default Infinity: nothing is cut off */
  columns?: number
  /** @default false */
  colors?: boolean
  /** Say of each worker whether it is live, stale or dead. @default false */
  state?: boolean
  /** A living worker silent for longer counts as stale, in milliseconds. @default Infinity */
  staleMs?: number
  /** How a status reads, on one line of at most `columns` columns. @default statusText */
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

interface Column {
  name: string
  /** Which goes first on a narrow terminal; left out: it stays. */
  dropOrder?: number
  align?: 'right'
  text(worker: WorkerEntry): string
}

export type ShownState = WorkerEntry['state'] | 'stale'

const GAP = 2
const STATUS_MIN_COLUMNS = 16

/** Living, dead, or living and silent for longer than `staleMs`. */
export function shownState(worker: WorkerEntry, takenAt: number, staleMs = Infinity): ShownState {
  if (worker.state === 'dead') return 'dead'
  return (worker.ageMs ?? takenAt - worker.startedAt) > staleMs ? 'stale' : 'live'
}

/** How many workers are in each state. */
export function countStates(snapshot: Snapshot, staleMs?: number): Record<ShownState, number> {
  const counts = { live: 0, stale: 0, dead: 0 }
  for (const worker of snapshot.workers) counts[shownState(worker, snapshot.takenAt, staleMs)] += 1
  return counts
}

/** A header and one line for each worker, in the order of the snapshot. */
export function renderTable(snapshot: Snapshot, options: TableOptions = {}): string[] {
  const columns = options.columns ?? Infinity
  const all = columnsFor(snapshot, options)
  const cells = (column: Column) => [column.name, ...snapshot.workers.map((worker) => column.text(worker))]
  const sized = all.map((column) => ({ column, width: widest(cells(column)) }))
  const kept = fitColumns(sized, columns)
  const room = columns - kept.reduce((sum, { width }) => sum + width + GAP, 0)

  const shown = kept.map(({ column }) => column)
  const table = plainTable(shown.map((column) => column.align ?? 'left'))
  table.push([...shown.map((column) => column.name), 'STATUS'])
  for (const worker of snapshot.workers) {
    table.push([...shown.map((column) => column.text(worker)), entryText(worker, room, options)])
  }
  const lines = table.toString().split('\n')
  return lines.map((line, row) => decorate(cut(line.trimEnd(), columns), snapshot, row - 1, options))
}

/** `3 live, 1 stale, 1 dead, 1024 slots`. */
export function renderLine(snapshot: Snapshot, staleMs?: number): string {
  const { live, stale, dead } = countStates(snapshot, staleMs)
  const parts = [`${live} live`]
  if (stale > 0) parts.push(`${stale} stale`)
  if (dead > 0) parts.push(`${dead} dead`)
  return [...parts, `${snapshot.slots} slots`].join(', ')
}

/** Exactly as many lines as fit: title and counts, the table, how many workers had no room, the footer. */
export function renderScreen(snapshot: Snapshot, options: ScreenOptions): string[] {
  const { columns = Infinity, footer } = options
  const room = Math.max(1, options.rows - 3 - (footer === undefined ? 0 : 1))
  const hidden = snapshot.workers.length - room
  const shown = hidden > 0 ? snapshot.workers.slice(0, room - 1) : snapshot.workers
  const lines = [
    cut(`${harmless(options.title)}  ${renderLine(snapshot, options.staleMs)}`, columns),
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
export function renderJson(snapshot: Snapshot, indent?: number): string {
  const { cursor: _, ...rest } = snapshot
  const workers = snapshot.workers.map((worker) => ({ ...worker, status: jsonStatus(worker.status) }))
  return JSON.stringify({ ...rest, workers }, undefined, indent)
}

/** A status as JSON can carry it: bytes are `{ "type": "bytes", "base64": "..." }`. */
export function jsonStatus(status: Status | undefined): unknown {
  if (!(status instanceof Uint8Array)) return status
  return { type: 'bytes', base64: Buffer.from(status).toString('base64') }
}

function widest(cells: string[]): number {
  return cells.reduce((most, cell) => Math.max(most, stringWidth(cell)), 0)
}

function columnsFor(snapshot: Snapshot, options: TableOptions): Column[] {
  const idColumns = Math.max(8, Math.floor((options.columns ?? Infinity) * 0.3))
  const state: Column = {
    name: 'STATE',
    text: (worker) => shownState(worker, snapshot.takenAt, options.staleMs).replace('dead', 'DEAD'),
  }
  return [
    { name: 'SLOT', align: 'right', dropOrder: 3, text: (worker) => String(worker.slot) },
    { name: 'ID', text: (worker) => cut(harmless(worker.id), Math.min(idColumns, 128)) },
    { name: 'PID', align: 'right', dropOrder: 2, text: (worker) => String(worker.pid) },
    { name: 'AGE', align: 'right', text: (worker) => ageText(worker.ageMs) },
    { name: 'UPDATES', align: 'right', dropOrder: 1, text: (worker) => String(worker.updates) },
    ...(options.state ? [state] : []),
  ]
}

interface SizedColumn {
  column: Column
  width: number
}

/** Leaves out what matters least until the status has room. */
function fitColumns(sized: SizedColumn[], columns: number): SizedColumn[] {
  const used = sized.reduce((sum, { width }) => sum + width + GAP, 0)
  if (used + STATUS_MIN_COLUMNS <= columns) return sized

  const droppable = sized.filter(({ column }) => column.dropOrder !== undefined)
  if (droppable.length === 0) return sized
  const first = Math.min(...droppable.map(({ column }) => column.dropOrder!))
  return fitColumns(
    sized.filter(({ column }) => column.dropOrder !== first),
    columns,
  )
}

function entryText(worker: WorkerEntry, columns: number, options: TableOptions): string {
  const room = Math.max(1, columns)
  if (!worker.error) return (options.statusText ?? statusText)(worker.status, room)
  const { code, message, preview } = worker.error
  return statusText(`! ${code}: ${message}${preview === undefined ? '' : ` (${preview})`}`, room)
}

function plainTable(alignments: ('left' | 'right')[]) {
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '' }
  const edges = { bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' }
  const inner = { left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' }
  return new Table({
    chars: { ...none, ...edges, ...inner, middle: ' '.repeat(GAP) },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: [...alignments, 'left'],
  })
}

function decorate(line: string, snapshot: Snapshot, row: number, options: TableOptions): string {
  const { bold, red, yellow } = pc.createColors(options.colors ?? false)
  const worker = snapshot.workers[row]
  if (!worker) return bold(line)
  const state = shownState(worker, snapshot.takenAt, options.staleMs)
  if (state === 'dead') return red(line)
  return state === 'stale' || worker.error ? yellow(line) : line
}
