// One board that an agent tells of: watched, not polled, and never written to. A directory is waited for until there is
// a board in it, and opened again where another takes its place.

import { join } from 'node:path'
import { MISSED_BEATS } from '../scoreboard/hearts'
import { Scoreboard } from '../scoreboard/scoreboard'
import type { Changes, Snapshot, WorkerEntry } from '../scoreboard/types'
import { ScoreboardError } from '../util/errors'
import { statsOf } from '../util/trust'
import { Notifier } from '../util/wait'
import { activityOf } from '../view/activity'
import { type Ended, encodePart, MAX_ENDED } from './part'
import { type BoardRecord, MAX_ERROR_BYTES, SLOTS_PER_PART } from './record'
import type { MemberBoard } from './types'

/** The longest that a burst of news waits for more of it. */
const GATHER_MS = 200
/** Between two looks for a board that is not there. */
const LOOK_MS = 250
/** For how long the end of a worker is told to viewers that have known it. */
const ENDED_MS = 60_000

/** What an agent needs of a board. */
export interface BoardSource {
  readonly baseDir: string
  readonly boardId: string
  readonly counterKinds: Record<string, 'counter' | 'gauge'>
  snapshot(options: { includeDead: boolean }): Snapshot
  totals(): Record<string, number>
  watch(options: {
    signal: AbortSignal
    minIntervalMs: number
    blockedAfterMs: number
  }): AsyncIterable<Pick<Changes, 'workers' | 'gone'>>
}

/** A part to be written. */
export interface DuePart {
  readonly part: number
  /** 1: it was never written. */
  readonly revision: number
  readonly encode: () => Uint8Array
  /** To be called when it is written. */
  readonly done: () => void
}

export interface FollowOptions {
  readonly statusBytes: number
  readonly blockedAfterMs: number
  /** Somebody was born, has died, is blocked, or is not any more: the summary is to be written. */
  readonly onNews: () => void
}

interface WrittenPart {
  revision: number
  /** What was in it; a part with the same need not be written. */
  print: string
}

export class FollowedBoard {
  readonly dir: string
  readonly #options: FollowOptions
  readonly #stop = new AbortController()
  readonly #written = new Map<number, WrittenPart>()
  readonly #ended: (Ended & { at: number })[] = []
  #board: BoardSource | undefined
  readonly #isOurs: boolean
  #look: Snapshot | undefined
  #boardId = ''
  #error: string | undefined
  /** Whether something has moved since the last look. Counters that move tell nobody. */
  #hasMoved = true
  #totals = ''
  #blocked = new Set<string>()
  #done: Promise<void>

  constructor(board: BoardSource | string, options: FollowOptions) {
    this.#options = options
    this.#isOurs = typeof board === 'string'
    this.dir = typeof board === 'string' ? board : board.baseDir
    this.#board = typeof board === 'string' ? undefined : board
    this.#open()
    this.#done = this.#follow(this.#stop.signal)
  }

  #open(): void {
    if (this.#board !== undefined || !this.#isOurs) return
    try {
      this.#board = new Scoreboard({ baseDir: this.dir, readOnly: true })
      this.#error = undefined
      this.#hasMoved = true
    } catch (error) {
      const why = isMissing(this.dir, error) ? undefined : cutText((error as Error).message)
      if (why === this.#error) return
      this.#error = why
      // The machine may look well with a board that nobody can read.
      this.#hasMoved = true
      this.#options.onNews()
    }
  }

  /** What is followed, as it is at this moment. */
  get state(): MemberBoard {
    const { dir } = this
    if (this.#error !== undefined) return { dir, state: 'unreadable', error: this.#error }
    return { dir, state: this.#board === undefined ? 'missing' : 'read' }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#open()
      try {
        await this.#watch(signal)
      } catch {
        // Closed, replaced or removed.
      }
      if (signal.aborted) return
      this.#drop()
      await new Notifier().wait(LOOK_MS, signal).catch(() => {})
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { blockedAfterMs, onNews } = this.#options
    if (this.#board === undefined) return
    onNews()
    for await (const change of this.#board.watch({ signal, minIntervalMs: GATHER_MS, blockedAfterMs })) {
      if (this.#take(change)) onNews()
    }
  }

  /** Whether it belongs into the summary. */
  #take({ workers, gone }: Pick<Changes, 'workers' | 'gone'>): boolean {
    this.#hasMoved ||= workers.length > 0 || gone.length > 0
    const at = performance.now()
    for (const { slot, epoch, reason, ending } of gone) {
      this.#blocked.delete(`${slot} ${epoch}`)
      this.#ended.push({ slot, epoch, died: reason === 'died', ending, at })
    }
    const isOld = ({ at: endedAt }: { at: number }) => at - endedAt > ENDED_MS
    while (this.#ended.length > 0 && isOld(this.#ended[0]!)) this.#ended.shift()
    let isNews = gone.length > 0
    for (const { slot, epoch, blocked, isNew } of workers) {
      const key = `${slot} ${epoch}`
      const was = blocked ? this.#blocked.has(key) : !this.#blocked.delete(key)
      if (blocked) this.#blocked.add(key)
      isNews ||= isNew || !was
    }
    return isNews
  }

  #drop(): void {
    if (!this.#isOurs || this.#board === undefined) return
    ;(this.#board as Scoreboard).close()
    this.#board = undefined
    this.#hasMoved = true
    this.#options.onNews()
  }

  /**
   * Looks at the board, where something may have moved since the last time.
   *
   * @param isThorough also where nobody said so: the dead that are shown no more
   * @returns whether it looked
   */
  look(isThorough: boolean): boolean {
    const totals = this.#readTotals()
    if (!isThorough && !this.#hasMoved && totals === this.#totals) return false
    this.#totals = totals
    this.#hasMoved = false
    this.#look = this.#read()
    // Whose beats are slow may count as blocked later, without news.
    this.#hasMoved = this.#blocked.size > 0
    const boardId = this.#look?.boardId ?? ''
    if (boardId !== this.#boardId) this.#ended.length = 0
    this.#boardId = boardId
    return true
  }

  #read(): Snapshot | undefined {
    try {
      return this.#board?.snapshot({ includeDead: true })
    } catch {
      return undefined
    }
  }

  #readTotals(): string {
    try {
      return JSON.stringify(this.#board?.totals() ?? {})
    } catch {
      return '{}'
    }
  }

  /** As the watch says, which tells of both ends of it; and by its own beats, where those are slow. */
  readonly #isBlocked = (worker: WorkerEntry): boolean =>
    this.#blocked.has(`${worker.slot} ${worker.epoch}`) &&
    (worker.heartbeatAgeMs ?? 0) >= MISSED_BEATS * (worker.heartbeatMs ?? 0)

  /** As of the last look. */
  get record(): BoardRecord {
    const workers = this.#look?.workers ?? []
    const living = workers.filter(({ state }) => state === 'live')
    return {
      dir: this.dir,
      boardId: this.#boardId,
      slots: this.#look?.slots ?? 0,
      live: living.length,
      busy: living.filter((worker) => !this.#isBlocked(worker) && activityOf(worker).isBusy).length,
      blocked: living.filter(this.#isBlocked).length,
      dead: workers.length - living.length,
      kinds: this.#look === undefined ? {} : (this.#board?.counterKinds ?? {}),
      totals: JSON.parse(this.#totals || '{}'),
      parts: [...this.#written].map(([number, { revision }]) => [number, revision] as const),
      ...(this.#error === undefined ? {} : { error: this.#error }),
    }
  }

  /** Parts of the last look that differ from what was written. */
  dueParts(): DuePart[] {
    const byPart = new Map<number, WorkerEntry[]>([...this.#written.keys()].map((number) => [number, []]))
    for (const worker of this.#look?.workers ?? []) {
      const number = Math.floor(worker.slot / SLOTS_PER_PART)
      const workers = byPart.get(number)
      if (workers === undefined) byPart.set(number, [worker])
      else workers.push(worker)
    }
    return [...byPart].flatMap(([number, workers]) => this.#due(number, workers) ?? [])
  }

  #due(part: number, workers: WorkerEntry[]): DuePart | undefined {
    const written = this.#written.get(part)
    const print = `${this.#boardId} ${workers.map((worker) => printOf(worker, this.#isBlocked(worker))).join()}`
    if (written?.print === print) return undefined
    const revision = (written?.revision ?? 0) + 1
    const ended = this.#ended
      .filter(({ slot }) => Math.floor(slot / SLOTS_PER_PART) === part)
      .slice(-MAX_ENDED)
    const counterNames = Object.keys(this.#board?.counterKinds ?? {})
    const { statusBytes } = this.#options
    const rest = { counterNames, workers, ended, statusBytes, isBlocked: this.#isBlocked }
    return {
      part,
      revision,
      encode: () => encodePart({ revision, ...rest }),
      done: () => this.#written.set(part, { revision, print }),
    }
  }

  /** Everything is to be written again, for a new life. */
  forgetWritten(): void {
    this.#written.clear()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#done
    if (this.#isOurs) (this.#board as Scoreboard | undefined)?.close()
  }
}

/** No worker has made one yet. Anything else in its place is a board that cannot be read. */
function isMissing(dir: string, error: unknown): boolean {
  if (!(error instanceof ScoreboardError) || error.code !== 'ERR_NOT_A_BOARD') return false
  return error.cause === undefined && statsOf(join(dir, 'board')) === undefined
}

function cutText(text: string): string {
  // Three bytes a character at most, but for pairs of two that have four.
  return text.slice(0, MAX_ERROR_BYTES / 3)
}

/** The same for a worker of whom there is nothing new. Ages grow by themselves. */
function printOf(
  { slot, epoch, state, updates, counters, ending, error }: WorkerEntry,
  isBlocked: boolean,
): string {
  const facts = [slot, epoch, state, updates, isBlocked, ending ?? '', error?.code ?? '']
  return `${facts.join(' ')} ${Object.values(counters).join(' ')}`
}
