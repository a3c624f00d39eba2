// What a viewer knows of a fleet, pure: machines, their parts, and what they look like at a moment. Whoever reads the
// store tells it what was read; whoever watches is woken. What is known is never changed, only replaced, so a reader
// sees what has moved by comparing.

import type { Ended, Row } from './part'
import type { MemberRecord } from './record'
import type { MachineEntry, MachineState } from './types'
import { workerOf } from './worker'

export interface KnownPart {
  readonly revision: number
  readonly rows: readonly Row[]
  readonly ended: readonly Ended[]
  /** What it was inflated to, in bytes. */
  readonly size: number
}

/** One board of a machine, with what is known of its workers by part. */
export interface KnownBoard {
  /** Its place among the boards of the machine. */
  readonly number: number
  /** Another one for another board in the same place; '' while there is none that can be read. */
  readonly boardId: string
  readonly dir: string
  readonly parts: ReadonlyMap<number, KnownPart>
}

/** What was read of one machine at once. */
export interface Reading {
  readonly record: MemberRecord
  readonly boards: readonly KnownBoard[]
  /** When the record was written, by `performance.now()` of this process. */
  readonly writtenAt: number
  readonly error: MachineEntry['error']
  readonly before?: ReadingBefore | undefined
}

/** Last words of the life before, whose boards are gone. */
export interface ReadingBefore {
  readonly life: string
  readonly boards: readonly KnownBoard[]
  /** Since when it is known that it was lost, by `performance.now()`. */
  readonly lostAt: number
}

export interface Machine {
  readonly id: string
  /** Undefined: its record could not be read yet. */
  readonly reading: Reading | undefined
  readonly error: MachineEntry['error']
  /** The lives of its agents that are connected. */
  readonly lives: ReadonlySet<string>
  /** Since when it is known to be lost, by `performance.now()`. */
  readonly lostAt: number | undefined
}

export function stateOf({ reading, lives }: Machine): MachineState {
  if (reading === undefined) return lives.size > 0 ? 'live' : 'lost'
  if (reading.record.phase === 'left') return 'left'
  return lives.has(reading.record.life) ? 'live' : 'lost'
}

/** Before its record has been read nobody knows what it is. */
export function isShown({ reading, error }: Machine): boolean {
  return reading !== undefined || error !== undefined
}

const NO_LIVES: ReadonlySet<string> = new Set()

export class FleetModel {
  readonly #machines = new Map<string, Machine>()
  readonly #listeners = new Set<() => void>()
  #lives: ReadonlyMap<string, ReadonlySet<string>> = new Map()

  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get machines(): IterableIterator<Machine> {
    return this.#machines.values()
  }

  get(id: string): Machine | undefined {
    return this.#machines.get(id)
  }

  /** Which lives are connected, by member. */
  setLives(lives: ReadonlyMap<string, ReadonlySet<string>>): void {
    this.#lives = lives
    for (const machine of [...this.#machines.values()]) {
      const now = lives.get(machine.id) ?? NO_LIVES
      const isSame = now.size === machine.lives.size && [...now].every((life) => machine.lives.has(life))
      if (!isSame) this.#put({ ...machine, lives: now, lostAt: undefined })
    }
  }

  livesOf(id: string): ReadonlySet<string> {
    return this.#lives.get(id) ?? NO_LIVES
  }

  setReading(id: string, reading: Reading): void {
    const lives = this.livesOf(id)
    this.#put({ id, reading, error: reading.error, lives, lostAt: this.#machines.get(id)?.lostAt })
  }

  /** What it has written last cannot be believed: what was read before stays. */
  setError(id: string, error: NonNullable<MachineEntry['error']>): void {
    const before = this.#machines.get(id)
    if (before?.error?.message === error.message) return
    const lives = this.livesOf(id)
    this.#put({ id, reading: before?.reading, error, lives, lostAt: before?.lostAt })
  }

  setLostAt(id: string, lostAt: number): void {
    const machine = this.#machines.get(id)
    if (machine !== undefined && stateOf(machine) === 'lost') this.#put({ ...machine, lostAt })
  }

  remove(id: string): void {
    if (this.#machines.delete(id)) this.#tell()
  }

  #put(machine: Machine): void {
    this.#machines.set(machine.id, machine)
    this.#tell()
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** By name; of the same name, by when they joined. */
  entries(): MachineEntry[] {
    const shown = [...this.#machines.values()].filter(isShown).map(entryOf)
    return shown.sort((a, b) => compare(a.name, b.name) || a.joinedAt - b.joinedAt || compare(a.id, b.id))
  }

  /** Counters of every board once, whoever tells of it; gauges of machines that are live. */
  totals(): Record<string, number> {
    const totals = new Map<string, number>()
    const counted = new Set<string>()
    // The living first: of a board that two tell of, theirs is the newer word.
    const byState = [...this.#machines.values()].sort((a, b) => Number(isLost(a)) - Number(isLost(b)))
    for (const machine of byState) {
      for (const board of machine.reading?.record.boards ?? []) {
        if (board.boardId === '' || counted.has(board.boardId)) continue
        counted.add(board.boardId)
        for (const [name, total] of Object.entries(board.totals)) {
          if (board.kinds[name] === 'gauge' && isLost(machine)) continue
          totals.set(name, (totals.get(name) ?? 0) + total)
        }
      }
    }
    return Object.fromEntries(totals)
  }
}

const isLost = (machine: Machine) => stateOf(machine) !== 'live'
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

const UNREAD: Pick<MemberRecord, 'host' | 'labels' | 'joinedAt' | 'boards' | 'page'> = {
  host: '',
  labels: {},
  joinedAt: 0,
  boards: [],
}

/** A machine as it is now. */
export function entryOf(machine: Machine): MachineEntry {
  const { id, reading, error, lostAt } = machine
  const now = performance.now()
  const { host, labels, joinedAt, boards, page } = reading?.record ?? UNREAD
  const name = reading?.record.name ?? id
  const state = stateOf(machine)
  const entry: MachineEntry = {
    name,
    id,
    host,
    state,
    labels: { ...labels },
    joinedAt,
    ageMs: reading === undefined ? 0 : Math.max(0, now - reading.writtenAt),
    boards: boards.map(({ kinds, totals, parts, ...board }) => ({
      ...board,
      totals: { ...totals },
      counterKinds: { ...kinds },
    })),
    workers: state === 'left' ? [] : workersOf(id, name, reading?.boards ?? [], now),
    totals: sumOf(boards.map(({ totals }) => totals)),
  }
  if (page !== undefined) entry.page = page
  if (state === 'lost' && lostAt !== undefined) entry.lostForMs = Math.max(0, now - lostAt)
  const before = isHeld(reading, now) ? workersOf(id, name, reading.before.boards, now) : []
  if (before.length > 0) entry.before = { lostForMs: now - reading!.before!.lostAt, workers: before }
  const fault = error ?? (state === 'live' ? boardFault(boards) : undefined)
  if (fault !== undefined) entry.error = fault
  return entry
}

/** Whether the life before is listed still. */
export function isHeld(
  reading: Reading | undefined,
  now: number,
): reading is Reading & { before: ReadingBefore } {
  return reading?.before !== undefined && now - reading.before.lostAt <= reading.record.retainMs
}

function boardFault(boards: MemberRecord['boards']): MachineEntry['error'] {
  const bad = boards.find(({ error }) => error !== undefined)
  return bad && { code: 'BAD_BOARD', message: `Its agent cannot read ${bad.dir}: ${bad.error}` }
}

function workersOf(
  id: string,
  name: string,
  boards: readonly KnownBoard[],
  now: number,
): MachineEntry['workers'] {
  const workers: MachineEntry['workers'] = []
  for (const { dir, parts } of boards) {
    const place = { machine: name, machineId: id, board: dir }
    for (const { rows } of parts.values()) for (const row of rows) workers.push(workerOf(row, place, now))
  }
  return workers
}

function sumOf(tables: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum = new Map<string, number>()
  for (const table of tables) {
    for (const [name, value] of Object.entries(table)) sum.set(name, (sum.get(name) ?? 0) + value)
  }
  return Object.fromEntries(sum)
}
