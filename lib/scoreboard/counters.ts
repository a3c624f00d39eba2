// Numbers beside the status: each worker's own, the board's shared ones, and their totals.

import { CounterKind, type NativeBoard } from '../binding'
import { describeValue, nearestName } from '../util/check-options'
import { ScoreboardError } from '../util/errors'
import { scoreboardError } from './failures'
import type { SlotReader } from './slot-reader'

interface NamedCounter {
  name: string
  index: number
  kind: number
}

/** The counters of one kind of a board, by name. */
class CounterNames {
  readonly #byName = new Map<string, NamedCounter>()
  readonly #what: string

  constructor(names: NativeBoard['names'], what: string, isOurs: (kind: number) => boolean) {
    this.#what = what
    for (const [name, kind] of names) {
      if (isOurs(kind)) this.#byName.set(name, { name, index: this.#byName.size, kind })
    }
  }

  get size(): number {
    return this.#byName.size
  }

  [Symbol.iterator](): IterableIterator<NamedCounter> {
    return this.#byName.values()
  }

  find(name: string): NamedCounter {
    const counter = this.#byName.get(name)
    if (counter !== undefined) return counter
    const known = [...this.#byName.keys()]
    const nearest = typeof name === 'string' ? nearestName(name, known) : undefined
    const hint = nearest
      ? `did you mean '${nearest}'?`
      : known.length > 0
        ? `known are ${known.join(', ')}`
        : 'the board was made without any'
    throw new RangeError(`Unknown ${this.#what} ${describeValue(name)}; ${hint}`)
  }
}

/** The names of a worker's own counters on a board. */
function ownCounterNames(board: NativeBoard): CounterNames {
  return new CounterNames(board.names, 'counter', (kind) => kind !== CounterKind.shared)
}

function checkFinite(value: unknown, what: string): number {
  const expected = `Expected ${what} to be a finite number, got ${describeValue(value)}`
  if (typeof value !== 'number') throw new TypeError(expected)
  if (!Number.isFinite(value)) throw new RangeError(expected)
  return value
}

/**
 * The counters of this worker. Only this worker writes them; everybody may read them. Fixed when the
 * board was made, by `counters`. After IPC::ScoreBoard's set, get, incr and decr.
 */
export class Counters<Names extends string = string> {
  readonly #board: NativeBoard
  readonly #names: CounterNames
  readonly #view: Float64Array | undefined

  /** @internal */
  constructor(board: NativeBoard, externalBuffers: boolean) {
    this.#board = board
    this.#names = ownCounterNames(board)
    const buffer = externalBuffers ? board.counterBuffer() : undefined
    this.#view = buffer && new Float64Array(buffer)
  }

  /**
   * Adds to a counter or a gauge and returns the sum.
   *
   * @param n default 1; negative only for a gauge
   * @throws {RangeError} no such counter, or a negative `n` for a counter
   * @throws {ScoreboardError} `ERR_CLOSED`
   */
  add(name: Names, n = 1): number {
    const { index, kind } = this.#names.find(name)
    checkFinite(n, `what is added to '${name}'`)
    if (n < 0 && kind === CounterKind.counter) {
      throw new RangeError(
        `Expected what is added to counter '${name}' not to be negative, got ${n}; a gauge may fall`,
      )
    }
    return this.#mine(this.#board.addCounter(index, n))
  }

  /**
   * Sets a gauge.
   *
   * @throws {RangeError} no such counter, or it is a counter, which only grows
   * @throws {ScoreboardError} `ERR_CLOSED`
   */
  set(name: Names, n: number): void {
    const { index, kind } = this.#names.find(name)
    checkFinite(n, `the value of '${name}'`)
    if (kind === CounterKind.counter) {
      throw new RangeError(
        `Cannot set '${name}': it is a counter and only grows; use add(), or make it a gauge`,
      )
    }
    this.#mine(this.#board.setCounter(index, n))
  }

  /** The value now. */
  get(name: Names): number {
    return this.#mine(this.#board.getCounter(this.#names.find(name).index))
  }

  /** The names, in the order of `view`. */
  get names(): Names[] {
    return Array.from(this.#names, ({ name }) => name as Names)
  }

  /** Where a counter is in `view`. */
  index(name: Names): number {
    return this.#names.find(name).index
  }

  /**
   * All of this worker's counters, in the order of `counters`, as the memory of the board itself:
   * `view[i] += 1` is the quickest way to count. Nothing is checked: a counter that is made to fall
   * makes the totals fall. It becomes empty when the board is closed.
   *
   * @throws {TypeError} the runtime, or the option `externalBuffers: false`, does not allow it
   */
  get view(): Float64Array {
    if (this.#view !== undefined) return this.#view
    if (this.#names.size === 0) return new Float64Array(0)
    throw new TypeError(
      'Cannot show counters as memory: this runtime or the option externalBuffers does not allow it; use add(), set() and get()',
    )
  }

  #mine(value: number | undefined): number {
    if (value !== undefined) return value
    throw scoreboardError('Cannot use the counters', { code: 'CLOSED' })
  }
}

/** Integers of the whole board that any worker may add to. Fixed when the board was made, by `sharedCounters`. */
export class SharedCounters {
  readonly #board: NativeBoard
  readonly #names: CounterNames
  readonly #readOnly: boolean

  /** @internal */
  constructor(board: NativeBoard, readOnly: boolean) {
    this.#board = board
    this.#names = new CounterNames(board.names, 'shared counter', (kind) => kind === CounterKind.shared)
    this.#readOnly = readOnly
  }

  /**
   * Adds atomically, returns the sum, and wakes the watchers.
   *
   * @param n default 1; an integer, may be negative
   * @throws {TypeError | RangeError} no such shared counter, or no safe integer
   * @throws {ScoreboardError} `ERR_READ_ONLY`, `ERR_CLOSED`
   */
  add(name: string, n = 1): number {
    const { index } = this.#names.find(name)
    if (!Number.isSafeInteger(checkFinite(n, `what is added to '${name}'`))) {
      throw new RangeError(`Expected what is added to '${name}' to be an integer, got ${describeValue(n)}`)
    }
    if (this.#readOnly) {
      throw new ScoreboardError(
        'ERR_READ_ONLY',
        `Cannot add to '${name}': this handle was opened with readOnly`,
      )
    }
    return this.#open(this.#board.addShared(index, n))
  }

  /** The value now. */
  get(name: string): number {
    return this.#open(this.#board.getShared(this.#names.find(name).index))
  }

  /** Their names, in the order of `sharedCounters`. */
  get names(): string[] {
    return Array.from(this.#names, ({ name }) => name)
  }

  /** All values, in the order of `sharedCounters`. @internal */
  values(): number[] {
    return Array.from(this.#names, ({ index }) => this.#open(this.#board.getShared(index)))
  }

  #open(value: number | undefined): number {
    if (value !== undefined) return value
    throw scoreboardError('Cannot use the shared counters', { code: 'CLOSED' })
  }
}

/** Reads counters of others and adds them up. */
export class CounterReader {
  readonly #board: NativeBoard
  readonly #list: NamedCounter[]
  readonly #values: Float64Array
  /** Of each entry of a scan: 1, or 0 when the slot has another owner by now; then the counters. */
  #rows = new Float64Array(0)
  #rowsOf: SlotReader | undefined
  #scan = 0
  /** Copied for each worker, which is many times as fast as to make an object of names. */
  readonly #template: Record<string, number>

  constructor(board: NativeBoard) {
    this.#board = board
    this.#list = [...ownCounterNames(board)]
    this.#values = new Float64Array(this.#list.length)
    // Not by assignment, which a counter named __proto__ would not survive. Later it is a property of its own.
    this.#template = Object.fromEntries(this.#list.map(({ name }) => [name, 0.5]))
  }

  /** The counters of an entry's owner; undefined when the slot has another one by now. */
  ofEntry(reader: SlotReader, entry: number): Record<string, number> | undefined {
    if (this.#list.length === 0) return {}
    const numbers = 1 + this.#list.length
    if (this.#rowsOf !== reader || this.#scan !== reader.scans) this.#readRows(reader, numbers)
    const row = entry * numbers
    return this.#rows[row] === 1 ? this.#asObject(this.#rows, row + 1) : undefined
  }

  /** One call for all of a scan: to ask for each by itself took as long as all the rest. */
  #readRows(reader: SlotReader, numbers: number): void {
    const { count, entries, scans } = reader
    if (this.#rows.length < count * numbers) this.#rows = new Float64Array(2 * count * numbers)
    this.#board.counters(entries, count, this.#rows)
    this.#rowsOf = reader
    this.#scan = scans
  }

  kinds(): Record<string, 'counter' | 'gauge'> {
    const kindOf = (kind: number) => (kind === CounterKind.counter ? 'counter' : 'gauge')
    return Object.fromEntries(this.#list.map(({ name, kind }) => [name, kindOf(kind)]))
  }

  totals(): Record<string, number> {
    const failure = this.#board.totals(this.#values)
    if (failure !== undefined) throw scoreboardError('Cannot add up the counters', failure)
    return this.#asObject(this.#values, 0)
  }

  #asObject(values: Float64Array, from: number): Record<string, number> {
    const named = { ...this.#template }
    for (const { name, index } of this.#list) named[name] = values[from + index]!
    return named
  }
}
