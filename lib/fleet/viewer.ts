// What a viewer reads: the list of machines, the record of each when it changes, and the parts of it that moved. One
// watch a machine, and no listing but when a machine comes or goes.

import type { Store, StoredNode } from '../queue/store/store'
import { EMPTY } from '../util/bytes'
import { Notifier } from '../util/wait'
import { Coalesced } from './coalesced'
import {
  FleetModel,
  isHeld,
  isShown,
  type KnownBoard,
  type KnownPart,
  type ReadingBefore,
  stateOf,
} from './model'
import {
  isMemberId,
  lostPath,
  MACHINES,
  MEMBERS,
  memberPath,
  newViewerPath,
  partPath,
  VIEWERS,
} from './names'
import { decodePart } from './part'
import { type BoardRecord, decodeMember, type LifeBefore, type MemberRecord } from './record'
import { findFleet, forgetMember, readLives, removeLife, sweepLives } from './root'
import type { MachineEntry } from './types'

/** What a viewer lists. Of more those that are connected come first. */
const MAX_MACHINES = 10_000
/** What the parts of one machine may be inflated to, and those of all. */
const MAX_MACHINE_BYTES = 64 * 1024 * 1024
const MAX_FLEET_BYTES = 1024 * 1024 * 1024
/** How long agents have to answer a viewer that has come. */
const ANSWER_MS = 3000
const SWEEP_MS = 60_000

interface Reader {
  readonly reading: Coalesced
  unwatch: () => void
  /** What its watch has brought and nobody has read yet. */
  brought: StoredNode | undefined
}

type Fault = NonNullable<MachineEntry['error']>

/** One reading of a machine under way. */
interface Attempt {
  readonly id: string
  readonly life: string
  /** What was known of this life. */
  readonly before: readonly KnownBoard[]
  readonly faults: Fault[]
  /** So many bytes more may be kept. */
  left: number
  /** A part was not there: the record may be another one by now. */
  isHollow: boolean
}

export class Viewer {
  readonly model = new FleetModel()
  readonly #store: Store
  readonly #intervalMs: number
  readonly #readers = new Map<string, Reader>()
  readonly #lists = new Coalesced(() => this.#readLists())
  readonly #presence = new Coalesced(() => this.#show())
  readonly #sweeping = new Coalesced(() => this.sweep())
  readonly #cleanups: (() => void)[] = []
  /** What the parts of each machine were inflated to. */
  readonly #sizes = new Map<string, number>()
  #path: string
  /** From the store's clock to `performance.now()`. */
  #clockOffset = 0
  #disconnectedAt: number | undefined
  #isClosed = false

  private constructor(store: Store, intervalMs: number) {
    this.#store = store
    this.#intervalMs = intervalMs
    this.#path = newViewerPath(intervalMs)
  }

  /** Resolves when everything has been read, and the agents that live have answered or had time to. */
  static async open(store: Store, intervalMs: number, signal: AbortSignal | undefined): Promise<Viewer> {
    const viewer = new Viewer(store, intervalMs)
    try {
      await findFleet(store)
      await viewer.#begin()
      await viewer.#untilAnswered(signal)
    } catch (error) {
      await viewer.close()
      throw error
    }
    return viewer
  }

  async #begin(): Promise<void> {
    const store = this.#store
    this.#cleanups.push(
      store.onEvent((event) => {
        if (event === 'suspended' || event === 'lost') this.#disconnectedAt ??= performance.now()
        if (event === 'resumed') this.#disconnectedAt = undefined
        if (event === 'lost') this.#presence.begin()
      }),
    )
    await this.#presence.ask()
    await store.sync()
    this.#cleanups.push(await store.watch(MACHINES, 'children', this.#lists.begin))
    this.#cleanups.push(await store.watch(MEMBERS, 'children', this.#lists.begin))
    await this.#lists.ask()
    const sweeper = setInterval(this.#sweeping.begin, SWEEP_MS)
    sweeper.unref()
    this.#cleanups.push(() => clearInterval(sweeper))
  }

  /** For how long the store has not been reached, in milliseconds. */
  get disconnectedMs(): number {
    return this.#disconnectedAt === undefined ? 0 : performance.now() - this.#disconnectedAt
  }

  /** Tells the agents that somebody looks, and finds out what time it is there. */
  async #show(): Promise<void> {
    this.#path = newViewerPath(this.#intervalMs)
    const made = await this.#store.create(this.#path, EMPTY, { ephemeral: true })
    if (made === 'orphan') {
      await this.#store.create(VIEWERS, EMPTY)
      await this.#store.create(this.#path, EMPTY, { ephemeral: true })
    }
    await this.#readClock()
  }

  async #readClock(): Promise<void> {
    const began = performance.now()
    const now = await this.#store.now(this.#path)
    if (now !== undefined) this.#clockOffset = (began + performance.now()) / 2 - now
  }

  /** Of a moment by the store's clock; never one that is to come. */
  #localTime(at: number): number {
    return Math.min(performance.now(), at + this.#clockOffset)
  }

  async #untilAnswered(signal: AbortSignal | undefined): Promise<void> {
    const end = performance.now() + ANSWER_MS
    const changed = new Notifier()
    const stop = this.model.onChange(changed.notify)
    try {
      const hasAnswered = ({ followMs }: MemberRecord) => followMs > 0 && followMs <= this.#intervalMs
      const isAwaited = (machine: Parameters<typeof stateOf>[0]) =>
        machine.reading !== undefined && stateOf(machine) === 'live' && !hasAnswered(machine.reading.record)
      while ([...this.model.machines].some(isAwaited)) {
        const leftMs = end - performance.now()
        if (leftMs <= 0) return
        await changed.wait(leftMs, signal)
      }
    } finally {
      stop()
    }
  }

  async #readLists(): Promise<void> {
    const [names, lives] = await Promise.all([this.#store.list(MEMBERS), readLives(this.#store)])
    await this.#readEnded(lives)
    this.model.setLives(lives)
    const shown = listedOf(names ?? [], (id) => lives.has(id))
    const wanted = new Set(shown)
    for (const id of [...this.#readers.keys()]) if (!wanted.has(id)) this.#drop(id)
    await Promise.all(shown.map((id) => this.#follow(id)))
    await Promise.all(shown.map((id) => this.#markLost(id)))
  }

  /** Of a life that is not connected any more: whether it has said good-bye, or another has begun, before it is said to be lost. */
  async #readEnded(lives: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
    const ended = [...this.model.machines].filter(
      (machine) =>
        stateOf(machine) === 'live' && !lives.get(machine.id)?.has(machine.reading?.record.life ?? ''),
    )
    await Promise.all(ended.map(({ id }) => this.#readers.get(id)?.reading.ask()))
  }

  #drop(id: string): void {
    const reader = this.#readers.get(id)
    this.#readers.delete(id)
    this.#sizes.delete(id)
    reader?.unwatch()
    void reader?.reading.stop()
    this.model.remove(id)
  }

  /** Resolves when it has been read once. */
  async #follow(id: string): Promise<void> {
    if (this.#readers.has(id) || this.#isClosed) return
    const reading = new Coalesced(() => this.#read(id))
    const reader: Reader = { reading, unwatch: () => {}, brought: undefined }
    this.#readers.set(id, reader)
    try {
      const unwatch = await this.#store.watch(memberPath(id), 'node', (node) => {
        reader.brought = node
        reading.begin()
      })
      if (this.#readers.get(id) === reader) reader.unwatch = unwatch
      else return unwatch()
    } catch (error) {
      // Not followed, so the next listing tries again.
      this.#readers.delete(id)
      throw error
    }
    await reader.reading.ask()
  }

  async #read(id: string): Promise<void> {
    const reader = this.#readers.get(id)
    const brought = reader?.brought
    if (reader !== undefined) reader.brought = undefined
    const node = brought ?? (await this.#store.get(memberPath(id)))
    if (node === undefined || !this.#readers.has(id)) return
    const record = decodeMember(node.data)
    if (record === undefined) {
      this.model.setError(id, {
        code: 'BAD_RECORD',
        message: 'What it says of itself is no record of a machine',
      })
      return
    }
    // One that has just come may not be on the list that was read last.
    if (record.phase === 'joined' && !this.model.livesOf(id).has(record.life)) {
      this.model.setLives(await readLives(this.#store))
    }
    const before = this.model.get(id)?.reading
    const attempt: Attempt = {
      id,
      life: record.life,
      before: before?.record.life === record.life ? before.boards : [],
      faults: [],
      left: this.#budgetOf(id),
      isHollow: false,
    }
    const whole = attempt.left
    const boards: KnownBoard[] = []
    for (const [number, board] of record.boards.entries()) {
      boards.push(await this.#readBoard(attempt, number, board))
    }
    const past = await this.#readBefore(attempt, record.before, before?.before)
    if (!this.#readers.has(id) || (attempt.isHollow && (await this.#hasMoved(id, node.version)))) return
    this.#sizes.set(id, whole - attempt.left)
    const writtenAt = this.#localTime(node.changedAt)
    this.model.setReading(id, { record, boards, writtenAt, error: attempt.faults[0], before: past })
    await this.#markLost(id)
  }

  /** Nobody writes it any more: it is read once. */
  async #readBefore(
    attempt: Attempt,
    record: LifeBefore | undefined,
    known: ReadingBefore | undefined,
  ): Promise<ReadingBefore | undefined> {
    if (record === undefined) return undefined
    const { life } = record
    if (known?.life === life) {
      for (const { parts } of known.boards) for (const { size } of parts.values()) attempt.left -= size
      return known
    }
    const { id, left } = attempt
    const mark = await this.#store.info(lostPath(id, life))
    if (mark === undefined) return undefined
    const past: Attempt = { id, life, before: [], faults: [], left, isHollow: false }
    const boards: KnownBoard[] = []
    for (const [number, board] of record.boards.entries()) {
      boards.push(await this.#readBoard(past, number, board))
    }
    attempt.left = past.left
    return { life, boards, lostAt: this.#localTime(mark.changedAt) }
  }

  #budgetOf(id: string): number {
    let others = 0
    for (const [other, size] of this.#sizes) if (other !== id) others += size
    return Math.max(0, Math.min(MAX_MACHINE_BYTES, MAX_FLEET_BYTES - others))
  }

  async #readBoard(
    attempt: Attempt,
    number: number,
    { dir, boardId, parts }: BoardRecord,
  ): Promise<KnownBoard> {
    const known = attempt.before.find((one) => one.number === number && one.boardId === boardId)?.parts
    const read = async ([part, revision]: readonly [number, number]) => {
      const have = known?.get(part)
      // One that cannot be read is as it was.
      const found =
        have?.revision === revision ? have : ((await this.#readPart(attempt, number, part, have)) ?? have)
      if (found === undefined) return []
      attempt.left -= found.size
      if (attempt.left >= 0) return [[part, found] as const]
      attempt.faults.push({
        code: 'TOO_MUCH',
        message: 'It has written more than a viewer keeps of one machine',
      })
      attempt.left += found.size
      return []
    }
    return { number, boardId, dir, parts: new Map((await Promise.all(parts.map(read))).flat()) }
  }

  /** Then it is read again, because its watch has said so. */
  async #hasMoved(id: string, version: number): Promise<boolean> {
    return (await this.#store.info(memberPath(id)))?.version !== version
  }

  async #readPart(
    attempt: Attempt,
    board: number,
    part: number,
    have: KnownPart | undefined,
  ): Promise<KnownPart | undefined> {
    const { id, life, faults } = attempt
    const path = partPath(id, life, board, part)
    const node = await this.#store.get(path)
    if (node === undefined) {
      attempt.isHollow = true
      return undefined
    }
    try {
      const { revision, rows, ended, bad, size } = decodePart(node.data, {
        writtenAt: this.#localTime(node.changedAt),
        before: have?.rows,
      })
      if (bad > 0)
        faults.push({ code: 'BAD_PART', message: `${bad} of its workers cannot be read in ${path}` })
      return { revision, rows, ended, size }
    } catch (error) {
      faults.push({
        code: 'BAD_PART',
        message: `Cannot read ${path}: ${(error as Error).message.slice(0, 200)}`,
      })
      return undefined
    }
  }

  /** Whoever sees it first notes since when a machine is lost. */
  async #markLost(id: string): Promise<void> {
    const machine = this.model.get(id)
    const life = machine?.reading?.record.life
    if (machine === undefined || life === undefined || machine.lostAt !== undefined) return
    if (stateOf(machine) !== 'lost') return
    const path = lostPath(id, life)
    await this.#store.create(path, EMPTY)
    const node = await this.#store.info(path)
    if (node !== undefined) this.model.setLostAt(id, this.#localTime(node.changedAt))
  }

  /** Takes off the list what has been on it for as long as it may, and removes what nobody has any more. */
  async sweep(): Promise<void> {
    await this.#readClock()
    const now = performance.now()
    for (const machine of [...this.model.machines]) {
      const { reading, lostAt } = machine
      const state = stateOf(machine)
      if (reading?.before !== undefined && !isHeld(reading, now)) {
        await removeLife(this.#store, machine.id, reading.before.life)
      }
      if (reading === undefined || state === 'live' || !isShown(machine)) continue
      const since = state === 'lost' ? lostAt : reading.writtenAt
      if (since !== undefined && now - since > reading.record.retainMs)
        await forgetMember(this.#store, machine.id)
    }
    await sweepLives(this.#store)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const cleanup of this.#cleanups) cleanup()
    for (const { unwatch, reading } of this.#readers.values()) {
      unwatch()
      void reading.stop()
    }
    void this.#lists.stop()
    void this.#presence.stop()
    void this.#sweeping.stop()
    await this.#store.close()
  }
}

/** Which of these names are followed: no more than a viewer can, and those first that are connected. */
export function listedOf(names: readonly string[], isConnected: (id: string) => boolean): string[] {
  const ids = names.filter(isMemberId)
  if (ids.length <= MAX_MACHINES) return ids
  return [...ids.filter(isConnected), ...ids.filter((id) => !isConnected(id))].slice(0, MAX_MACHINES)
}
