// The workers of a board as the rows of a live list.

import type { Snapshot, WorkerEntry } from '../../scoreboard/types'
import { bytesText, countText } from '../../view/numbers'
import { ownerKey, RateWindow, updateRates } from '../../view/rates'
import { sortWorkers } from '../../view/sort'
import { SORTS, type SortKey } from '../../view/sort-keys'
import { ageText, cut, escapeControls, indentedJson, statusText, timeText } from '../../view/text'
import { blockedForMs, shownState } from '../../view/worker-state'
import { boardColumns, entryText, jsonStatus, renderLine, stateText, type TableOptions } from '../render'
import { type TableColumn, tableLines } from '../table'
import type { ListSource, Order, Tone } from './list-source'
import { nameLines, wrap } from './texts'

const EMPTY: Snapshot = { boardId: '', slots: 0, workers: [], cursor: {} as Snapshot['cursor'], takenAt: 0 }
const SEARCHED_COLUMNS = 1000

export class BoardSource implements ListSource<WorkerEntry> {
  readonly noun = 'worker'
  readonly sorts = SORTS
  readonly notes = [
    'Red: dead, or blocked: its event loop has not turned for so long; w shows where it is.',
    'Yellow: without a heart and silent for longer than --stale says, or with a status that cannot be read.',
    'Where most workers serve requests, S is the state letter of mod_status (_ waiting, K keep-alive,',
    'R reading, W working or writing; x dead, B blocked, ! stale), and SECS the time in that state.',
  ]
  readonly why: ((worker: WorkerEntry) => Promise<string[]>) | undefined
  readonly #title: string
  readonly #look: () => Snapshot | undefined
  readonly #totals: () => Record<string, number>
  readonly #now: () => number
  readonly #requestRate = new RateWindow()
  #counted: Record<string, number> = {}
  #requestsPerSecond: number | undefined
  readonly #states: { staleMs: number; blockedMs?: number }
  #snapshot = EMPTY
  #isGone = false
  #lookedAt = 0
  #rates: ReadonlyMap<string, number> = new Map()

  constructor(source: {
    title: string
    /** Undefined: the board was deleted, and there is no other yet. */
    look: () => Snapshot | undefined
    /** What the board's counters have come to; of one whose workers serve requests, `requests` is among them. */
    totals?: () => Record<string, number>
    staleMs: number
    blockedMs?: number
    why?: (worker: WorkerEntry) => Promise<string[]>
    now?: () => number
  }) {
    this.#title = source.title
    this.#look = source.look
    this.#totals = source.totals ?? (() => ({}))
    this.#states = { staleMs: source.staleMs, blockedMs: source.blockedMs }
    this.why = source.why
    this.#now = source.now ?? (() => performance.now())
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  refresh(): void {
    const found = this.#look()
    this.#isGone = found === undefined
    const snapshot = found ?? { ...EMPTY, takenAt: Date.now() }
    const now = this.#now()
    // A board in the place of another has other owners in the same slots.
    const isSame = snapshot.boardId === this.#snapshot.boardId
    this.#rates = isSame ? updateRates(this.#snapshot, snapshot, now - this.#lookedAt) : new Map()
    this.#snapshot = snapshot
    this.#lookedAt = now
    this.#counted = this.#isGone ? {} : this.#totals()
    const { requests } = this.#counted
    this.#requestsPerSecond = requests === undefined ? undefined : this.#requestRate.add(now, requests)
  }

  sorted(order: Order): Snapshot {
    const { sort, reverse } = order
    return sortWorkers(this.#snapshot, {
      sort: sort as SortKey,
      reverse,
      rates: this.#rates,
      ...this.#states,
    })
  }

  rows(order: Order): WorkerEntry[] {
    return this.sorted(order).workers
  }

  head(columns: number): string[] {
    const perSecond = [...this.#rates.values()].reduce((sum, rate) => sum + rate, 0)
    const first = `${escapeControls(this.#title)}  ${this.countsLine()}, ${rateText(perSecond)} updates/s`
    return [first, ...this.totalsLines()].map((line) => cut(line, columns))
  }

  /** How many there are of each kind, of all or of some of them. */
  countsLine(snapshot = this.#snapshot): string {
    if (this.#isGone) return 'no board: it was deleted, and no worker has made the next one yet'
    return renderLine(snapshot, this.#states)
  }

  /** One line, or none: what the board counts. */
  totalsLines(): string[] {
    const totals = Object.entries(this.#counted).map(([name, n]) => {
      const rate = name === 'requests' ? ` (${rateText(this.#requestsPerSecond)}/s)` : ''
      return name === 'bytes' ? `${bytesText(n)} sent` : `${countText(n)} ${escapeControls(name)}${rate}`
    })
    return totals.length === 0 ? [] : [`in all  ${totals.join(', ')}`]
  }

  keyOf(worker: WorkerEntry): string {
    return ownerKey(worker)
  }

  nameOf(worker: WorkerEntry): string {
    return worker.id
  }

  textOf(worker: WorkerEntry): string {
    return [worker.id, worker.pid, this.#stateOf(worker), entryText(worker, SEARCHED_COLUMNS, {})].join(' ')
  }

  isEnded(worker: WorkerEntry): boolean {
    return worker.state === 'dead'
  }

  hangsForMs(worker: WorkerEntry): number | undefined {
    return blockedForMs(worker, this.#states.blockedMs)
  }

  toneOf(worker: WorkerEntry): Tone {
    const state = shownState(worker, this.#snapshot.takenAt, this.#states)
    if (state === 'dead' || state === 'blocked') return 'bad'
    return state === 'stale' || worker.error ? 'warning' : 'plain'
  }

  table(workers: WorkerEntry[], columns: number): string[] {
    const options: TableOptions = { columns, state: true, vitals: true, ...this.#states }
    const rate: TableColumn<WorkerEntry> = {
      name: 'RATE',
      align: 'right',
      dropOrder: 2,
      text: (worker) => rateText(this.#rates.get(ownerKey(worker))),
    }
    const { columns: all, last } = boardColumns(this.#snapshot, options, [rate])
    return tableLines(workers, all, last, columns)
  }

  details(worker: WorkerEntry, columns: number): string[] {
    const rate = `${rateText(this.#rates.get(ownerKey(worker)))} a second`
    const facts = { state: this.#stateOf(worker), updates: `${worker.updates}, ${rate}` }
    return workerLines(worker, this.#snapshot.takenAt, facts, columns)
  }

  #stateOf(worker: WorkerEntry): string {
    return stateText(worker, this.#snapshot.takenAt, this.#states)
  }
}

/** Everything about one worker. @param facts what only its list knows of it, instead of what the entry says */
export function workerLines(
  worker: WorkerEntry,
  takenAt: number,
  { state, ...more }: Record<string, string | number | undefined>,
  columns: number,
): string[] {
  const ago = (at: number | undefined) =>
    at === undefined ? undefined : `${timeText(at)}, ${ageText(takenAt - at)} ago`
  const { error } = worker
  const facts = nameLines({
    id: worker.id,
    state,
    pid: worker.pid,
    thread: worker.threadId === 0 ? undefined : worker.threadId,
    slot: worker.slot,
    epoch: worker.epoch,
    started: ago(worker.startedAt),
    updated: ago(worker.updatedAt) ?? 'never',
    updates: worker.updates,
    ...more,
    processor: worker.vitals && `${worker.vitals.cpuPercent} %, ${ageText(worker.vitals.cpuMs)} in all`,
    memory: worker.vitals && bytesText(worker.vitals.rssBytes),
    threads: worker.vitals?.threads,
    ended: worker.ending,
    error: error && `${error.code}: ${error.message}`,
    preview: error?.preview,
  })
  const counters = nameLines(worker.counters)
  return [
    ...facts,
    ...(counters.length > 0 ? ['', 'counters', ...counters] : []),
    '',
    'status',
    ...wrap(fullStatus(worker), columns - 2).map((line) => `  ${line}`),
  ].map((line) => cut(line, columns))
}

function fullStatus({ status, error }: WorkerEntry): string {
  if (error) return '(cannot be read)'
  if (status === undefined) return '(no update yet)'
  if (typeof status === 'string') return status
  return status instanceof Uint8Array ? statusText(status, Infinity) : indentedJson(jsonStatus(status))
}

/** Three digits are enough: `0.4`, `12`, `3400`. */
function rateText(perSecond: number | undefined): string {
  if (perSecond === undefined) return '-'
  return perSecond === 0 || perSecond >= 10 ? String(Math.round(perSecond)) : perSecond.toFixed(1)
}
