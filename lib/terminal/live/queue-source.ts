// The workers of a queue as the rows of a live list, and how far their work is.

import type { QueueCounts, TimerInfo, TimerState } from '../../queue/types'
import { WatchdogError } from '../../util/errors'
import { type QueueReader, readQueue } from '../../view/queue-reading'
import { RateWindow } from '../../view/rates'
import {
  ageText,
  byNumberedName,
  cut,
  escapeControls,
  indentedJson,
  statusText,
  timeText,
} from '../../view/text'
import { progressLine, timeLeftMs } from '../progress'
import { tableLines } from '../table'
import type { ListSource, Order, Tone } from './list-source'
import { nameLines, wrap } from './texts'

/** A worker, told from others of the same id. */
export interface TimerRow extends TimerInfo {
  readonly key: string
}

/** How far a queue is, for programs. */
export interface QueueRound {
  /** Milliseconds since the Unix epoch. */
  takenAt: number
  items: QueueCounts
  /** Items that were finished a second, over about the last ten seconds; null at first. */
  perSecond: number | null
  /** Milliseconds until the last item is finished, at that rate; null where nobody can know. */
  timeLeftMs: number | null
  timers: TimerInfo[]
}

/** Trouble first. */
const STATES: readonly TimerState[] = ['expired', 'died', 'failed', 'never-started', 'alive', 'finished']

export const QUEUE_SORTS = {
  state: 'the expired, died, failed, never started, alive, finished',
  age: 'not kicked for longest',
  running: 'at work for longest',
  id: 'by name, w-9 before w-10',
  host: 'by machine',
} as const

const NO_COUNTS: QueueCounts = {
  total: 0,
  ready: 0,
  delayed: 0,
  leased: 0,
  done: 0,
  dead: 0,
  failed: 0,
  retried: 0,
}
const TONES: Readonly<Record<TimerState, Tone>> = {
  expired: 'warning',
  died: 'bad',
  failed: 'bad',
  'never-started': 'warning',
  alive: 'plain',
  finished: 'faint',
}

export class QueueSource implements ListSource<TimerRow> {
  readonly noun = 'worker'
  readonly sorts = QUEUE_SORTS
  readonly notes = [
    'Expired: alive, and not kicked for longer than the queue allows. Died: gone without a word.',
    'Dead letters are items that failed too often: `rollcall queue dead` lists them.',
  ]
  readonly #title: string
  readonly #queue: QueueReader
  readonly #rate = new RateWindow()
  #counts = NO_COUNTS
  #timers: TimerRow[] = []
  #perSecond: number | undefined
  #takenAt = 0
  /** Why the last look was in vain; what is shown is from before. */
  #trouble: string | undefined

  constructor(title: string, queue: QueueReader) {
    this.#title = title
    this.#queue = queue
  }

  /** Rejects when the queue has gone. A server that does not answer is a matter of waiting. */
  async refresh(): Promise<void> {
    try {
      const { counts, timers } = await readQueue(this.#title, this.#queue)
      this.#counts = counts
      this.#timers = withKeys(timers)
      this.#takenAt = Date.now()
      this.#perSecond = this.#rate.add(performance.now(), counts.done + counts.dead)
      this.#trouble = undefined
    } catch (error) {
      if (!(error instanceof WatchdogError && error.retryable)) throw error
      this.#trouble = error.message
    }
  }

  round(order: Order, isShown: (row: TimerRow) => boolean): QueueRound {
    const timers = this.rows(order).filter(isShown)
    return {
      takenAt: this.#takenAt,
      items: this.#counts,
      perSecond: this.#perSecond ?? null,
      timeLeftMs: timeLeftMs(this.#counts, this.#perSecond) ?? null,
      timers: timers.map(({ key: _, ...timer }) => timer),
    }
  }

  rows({ sort, reverse }: Order): TimerRow[] {
    const compare = COMPARE[sort as keyof typeof QUEUE_SORTS]
    const rows = this.#timers.toSorted((a, b) => compare(a, b) || byNumberedName(a.id, b.id))
    return reverse ? rows.toReversed() : rows
  }

  head(columns: number): string[] {
    const { ready, delayed, leased, done, dead, failed, retried, waiting } = this.#counts
    const attempts = failed > 0 ? `; ${failed} attempts failed, ${retried} retried` : ''
    const states = STATES.map((state) => [
      this.#timers.filter((timer) => timer.state === state).length,
      state,
    ])
    const workers = states.filter(([count]) => count !== 0).map(([count, state]) => `${count} ${state}`)
    return [
      `${escapeControls(this.#title)}${this.#trouble === undefined ? '' : `  NOT REACHED: ${escapeControls(this.#trouble)}`}`,
      progressLine(this.#counts, this.#perSecond, columns),
      `items    ${ready} ready${waiting === undefined ? '' : ' (waiting for another queue)'}, ${delayed > 0 ? `${delayed} delayed, ` : ''}${leased} leased, ${done} done, ${dead} dead letters${attempts}`,
      `workers  ${workers.length === 0 ? 'none' : workers.join(', ')}`,
    ].map((line) => cut(line, columns))
  }

  keyOf(row: TimerRow): string {
    return row.key
  }

  nameOf(row: TimerRow): string {
    return row.id
  }

  textOf({ id, state, host, pid, progress }: TimerRow): string {
    return [id, state, host ?? '', pid ?? '', progressText(progress, Infinity)].join(' ')
  }

  isEnded({ state }: TimerRow): boolean {
    return state !== 'alive' && state !== 'expired'
  }

  toneOf({ state }: TimerRow): Tone {
    return TONES[state]
  }

  table(rows: TimerRow[], columns: number): string[] {
    const idColumns = Math.max(8, Math.floor(columns * 0.3))
    const right = 'right' as const
    return tableLines(
      rows,
      [
        { name: 'STATE', text: ({ state }) => state },
        { name: 'ID', text: ({ id }) => cut(escapeControls(id), idColumns) },
        { name: 'AGE', align: right, text: ({ ageMs }) => ageText(ageMs) },
        { name: 'RUNNING', align: right, dropOrder: 3, text: (row) => ageText(this.#runningMs(row)) },
        { name: 'HOST', dropOrder: 1, text: ({ host }) => cut(escapeControls(host ?? '-'), idColumns) },
        { name: 'PID', align: right, dropOrder: 2, text: ({ pid }) => String(pid ?? '-') },
        { name: 'CODE', align: right, dropOrder: 4, text: ({ code }) => String(code ?? '-') },
      ],
      { name: 'PROGRESS', text: ({ progress }, room) => progressText(progress, room) },
      columns,
    )
  }

  details(row: TimerRow, columns: number): string[] {
    const { id, state, ageMs, startedAt, host, pid, code, progress } = row
    const facts = nameLines({
      id,
      state,
      kicked: ageMs === undefined ? undefined : `${ageText(ageMs)} ago`,
      started: startedAt === undefined ? undefined : timeText(startedAt),
      running: this.#runningMs(row) === undefined ? undefined : ageText(this.#runningMs(row)),
      host,
      pid,
      code,
    })
    const body = progress === undefined ? '(none told)' : longText(progress)
    return [...facts, '', 'progress', ...wrap(body, columns - 2).map((line) => `  ${line}`)].map((line) =>
      cut(line, columns),
    )
  }

  /** By the worker's clock and ours, of those that are at work. */
  #runningMs(row: TimerRow): number | undefined {
    return row.startedAt === undefined || this.isEnded(row) ? undefined : this.#takenAt - row.startedAt
  }
}

const COMPARE: Record<keyof typeof QUEUE_SORTS, (a: TimerRow, b: TimerRow) => number> = {
  state: (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state),
  age: (a, b) => (b.ageMs ?? -1) - (a.ageMs ?? -1),
  // Those that were never there come last.
  running: (a, b) => (a.startedAt ?? Infinity) - (b.startedAt ?? Infinity) || 0,
  id: (a, b) => byNumberedName(a.id, b.id),
  host: (a, b) => byNumberedName(a.host ?? '', b.host ?? ''),
}

function withKeys(timers: readonly TimerInfo[]): TimerRow[] {
  const times = new Map<string, number>()
  return timers.map((timer) => {
    const name = JSON.stringify([timer.id, timer.startedAt, timer.pid])
    times.set(name, (times.get(name) ?? 0) + 1)
    return { ...timer, key: `${name}${times.get(name)}` }
  })
}

function progressText(progress: TimerInfo['progress'], columns: number): string {
  return progress === undefined ? '' : statusText(progress, columns)
}

function longText(progress: NonNullable<TimerInfo['progress']> | null): string {
  return typeof progress === 'string' ? progress : indentedJson(progress)
}
