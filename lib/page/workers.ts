// All workers of a board as the page knows them: kept up to date from changes, the recently died
// remembered, and what they add up to. Memory is bounded by the board, whatever workers publish.

import type { Changes, Snapshot, WorkerEntry } from '../scoreboard/types'
import { type Kind, kindOf, viewWorker, type WorkerView } from './worker-view'

/** What all workers together have done since they were first seen; none of it ever falls. */
export interface Sums {
  updates: number
  requests: number
  bytes: number
}

export type Counts = Record<Kind, number>

/** What is different now: views as they are, keys of those to be forgotten. */
export interface Difference {
  changed: WorkerView[]
  removed: string[]
}

interface Known {
  view: WorkerView
  epoch: number
  /** When it was last silent for 0 ms, by performance.now(). */
  spokeAt: number
  /** When its event loop last turned, by performance.now(), where it is blocked. */
  blockedAt?: number
  diedAt?: number
}

const MOST_DEAD = 100

export class Workers {
  readonly #bySlot = new Map<number, Known>()
  /** By key, in the order of their deaths. */
  readonly #dead = new Map<string, Known>()
  #sums: Sums = { updates: 0, requests: 0, bytes: 0 }
  #oldestStart = Number.POSITIVE_INFINITY
  #servesRequests = false

  /** How many workers the board can hold. */
  readonly slots: number

  readonly #deadForMs: number
  readonly #blockedAfterMs: number | undefined

  /**
   * @param snapshot with the dead
   * @param deadForMs for how long they are remembered, at most
   * @param blockedAfterMs how old a heart may be; undefined: three beats
   */
  constructor(snapshot: Snapshot, deadForMs: number, blockedAfterMs?: number) {
    this.#blockedAfterMs = blockedAfterMs
    this.slots = snapshot.slots
    this.#deadForMs = deadForMs
    for (const worker of snapshot.workers) {
      this.#oldestStart = Math.min(this.#oldestStart, worker.startedAt)
      if (worker.state === 'live') this.#learn(worker, snapshot.takenAt)
      else this.#bury(this.#known(worker, snapshot.takenAt), worker.deadForMs)
    }
  }

  get sums(): Sums {
    return this.#sums
  }

  /** Whether any worker has been seen to serve requests. */
  get servesRequests(): boolean {
    return this.#servesRequests
  }

  /** Since the longest-serving worker started that was ever seen, in milliseconds. */
  uptimeMs(now: number): number {
    return Number.isFinite(this.#oldestStart) ? Math.max(0, now - this.#oldestStart) : 0
  }

  /**
   * Learns what has changed. What it knows already, or knows better, it ignores.
   *
   * @param dead the entries of dead workers that nobody has cleaned yet: changes do not tell their last words
   */
  apply(changes: Changes, dead: WorkerEntry[] = []): Difference {
    const difference: Difference = { changed: [], removed: [] }
    for (const { slot, epoch, reason } of changes.gone) {
      if (this.#bySlot.get(slot)?.epoch !== epoch) continue
      const last = dead.find((worker) => worker.slot === slot && worker.epoch === epoch)
      if (last) this.#learn(last, changes.takenAt)
      const known = this.#bySlot.get(slot)!
      this.#bySlot.delete(slot)
      if (reason === 'closed') difference.removed.push(known.view.key)
      else difference.changed.push(this.#bury(known))
    }
    for (const worker of changes.workers) {
      const before = this.#bySlot.get(worker.slot)
      if (before && before.epoch > worker.epoch) continue
      if (before?.epoch === worker.epoch && isKnown(before.view, worker)) continue
      if (before && before.epoch < worker.epoch) difference.removed.push(before.view.key)
      const view = this.#learn(worker, changes.takenAt)
      difference.changed.push(view)
      for (const [key, { view: dead }] of this.#dead) if (dead.id === view.id) this.#forget(key, difference)
    }
    this.#forgetLongDead(difference)
    return difference
  }

  /** Learns whose event loop does not turn: epoch and for how long, by slot. Gives those of whom that is news. */
  learnBlocked(blocked: ReadonlyMap<number, { epoch: number; forMs: number }>): WorkerView[] {
    const changed: WorkerView[] = []
    const now = performance.now()
    for (const [slot, known] of this.#bySlot) {
      const one = blocked.get(slot)
      const forMs = one?.epoch === known.epoch ? one.forMs : undefined
      if ((forMs === undefined) === (known.blockedAt === undefined)) continue
      known.blockedAt = forMs === undefined ? undefined : now - forMs
      known.view = { ...known.view, ageMs: Math.max(0, now - known.spokeAt), blockedMs: forMs }
      changed.push(known.view)
    }
    return changed
  }

  /** Learns what the living cost: entries with `vitals`. */
  learnVitals(workers: readonly WorkerEntry[]): void {
    for (const { slot, epoch, vitals } of workers) {
      const known = this.#bySlot.get(slot)
      if (known?.epoch !== epoch || vitals === undefined) continue
      known.view = { ...known.view, cpu: vitals.cpuPercent, memory: vitals.rssBytes }
    }
  }

  /** The living by slot, then the dead by their time; ages as they are now. */
  views(): WorkerView[] {
    const now = performance.now()
    const living = [...this.#bySlot.values()].sort((a, b) => a.view.slot - b.view.slot)
    return [...living, ...this.#dead.values()].map(({ view, spokeAt, blockedAt }) => ({
      ...view,
      ageMs: Math.max(0, now - spokeAt),
      blockedMs: blockedAt === undefined ? undefined : now - blockedAt,
    }))
  }

  counts(staleMs: number): Counts {
    const counts = { dead: this.#dead.size, blocked: 0, stale: 0, busy: 0, idle: 0 }
    const now = performance.now()
    for (const { view, spokeAt } of this.#bySlot.values()) counts[kindOf(view, now - spokeAt, staleMs)]++
    return counts
  }

  #known(worker: WorkerEntry, at: number): Known {
    const view = viewWorker(worker, at, this.#blockedAfterMs)
    this.#servesRequests ||= view.requests !== undefined
    const now = performance.now()
    const blockedAt = view.blockedMs === undefined ? undefined : now - view.blockedMs
    return { view, epoch: worker.epoch, spokeAt: now - view.ageMs, blockedAt }
  }

  #learn(worker: WorkerEntry, at: number): WorkerView {
    const known = this.#known(worker, at)
    const { view } = known
    const before = this.#bySlot.get(worker.slot)
    const isSame = before?.epoch === worker.epoch
    // Where the status cannot be read, or is suddenly another one, the worker has not worked less.
    for (const name of ['updates', 'requests', 'bytes'] as const) {
      const more = (view[name] ?? 0) - (isSame ? (before.view[name] ?? 0) : 0)
      if (more > 0) this.#sums = { ...this.#sums, [name]: this.#sums[name] + more }
    }
    this.#oldestStart = Math.min(this.#oldestStart, worker.startedAt)
    if (isSame) known.view = { ...view, cpu: before.view.cpu, memory: before.view.memory }
    this.#bySlot.set(worker.slot, known)
    return known.view
  }

  #bury(known: Known, deadForMs = 0): WorkerView {
    const ageMs = Math.max(0, performance.now() - known.spokeAt)
    const view = { ...known.view, isDead: true, blockedMs: undefined, ageMs }
    this.#dead.set(view.key, { ...known, view, blockedAt: undefined, diedAt: performance.now() - deadForMs })
    return view
  }

  #forgetLongDead(difference: Difference): void {
    const now = performance.now()
    for (const [key, { diedAt }] of this.#dead) {
      if (this.#dead.size <= MOST_DEAD && now - diedAt! < this.#deadForMs) return
      this.#forget(key, difference)
    }
  }

  #forget(key: string, difference: Difference): void {
    this.#dead.delete(key)
    difference.removed.push(key)
  }
}

/** Whether an entry of the same owner says nothing new; an error may pass without an update. */
function isKnown(view: WorkerView, worker: WorkerEntry): boolean {
  if (view.updates !== worker.updates) return view.updates > worker.updates && worker.error === undefined
  return worker.error === undefined && !view.isError
}
