// All workers of a board as the page knows them: kept up to date from changes, the last deaths
// remembered, and what they add up to. Memory is bounded by the board, whatever workers publish.

import type { Changes, Snapshot, WorkerEntry } from '../scoreboard/types'
import { countKinds, type KindCounts } from '../view/activity'
import { ownerKey } from '../view/rates'
import type { StateLimits } from '../view/worker-state'
import { costOf, judgeAgain, type Seen, viewWorker, type WorkerView } from './row-values'

/** What all workers together have done since they were first seen; none of it ever falls. */
export interface Sums {
  updates: number
  requests: number
  bytes: number
}

/** What is different now: views as they are, keys of those to be forgotten. */
export interface Difference {
  changed: WorkerView[]
  removed: string[]
}

/** Somebody who died while somebody looked. */
export interface Death {
  /** In milliseconds since the Unix epoch; about when, for those that were dead before. */
  at: number
  id: string
  pid: number
  ending: string | undefined
  /** What it was doing. */
  doing: string
}

interface Known extends Seen {
  epoch: number
  /** When `facts` were true, by performance.now(). */
  readAt: number
  /** Since when its event loop has stood still, by the same clock. */
  stoodAt: number | undefined
}

const MOST_DEATHS = 20

export class KnownWorkers {
  readonly #bySlot = new Map<number, Known>()
  /** As the board has them, by key. */
  #dead = new Map<string, Known>()
  readonly #deaths = new Map<string, Death>()
  #sums: Sums = { updates: 0, requests: 0, bytes: 0 }
  #oldestStart = Number.POSITIVE_INFINITY
  #servesRequests = false
  /** What is in the sums of the last owner of each slot. */
  readonly #counted = new Map<number, Sums & { epoch: number }>()

  /** How many workers the board can hold. */
  readonly slots: number
  readonly #limits: StateLimits

  /** @param snapshot with the dead */
  constructor(snapshot: Snapshot, limits: StateLimits) {
    this.slots = snapshot.slots
    this.#limits = limits
    for (const worker of snapshot.workers) {
      if (worker.state === 'live') this.#learn(worker, snapshot.takenAt)
    }
    this.syncDead(snapshot)
  }

  get sums(): Sums {
    return this.#sums
  }

  /** Whether any worker has been seen to serve requests. */
  get servesRequests(): boolean {
    return this.#servesRequests
  }

  /** The newest first. */
  get deaths(): Death[] {
    return [...this.#deaths.values()].sort((a, b) => b.at - a.at)
  }

  get hasDead(): boolean {
    return this.#dead.size > 0
  }

  /** When the longest-serving worker started that was ever seen; undefined: there was none. */
  get oldestStart(): number | undefined {
    return Number.isFinite(this.#oldestStart) ? this.#oldestStart : undefined
  }

  /** Learns what has changed. What it knows already, or knows better, it ignores. */
  apply(changes: Changes): Difference {
    const difference: Difference = { changed: [], removed: [] }
    for (const { slot, epoch } of changes.gone) {
      const known = this.#bySlot.get(slot)
      if (known?.epoch !== epoch) continue
      this.#bySlot.delete(slot)
      difference.removed.push(known.view.key)
    }
    for (const worker of changes.workers) {
      const before = this.#bySlot.get(worker.slot)
      if (before && before.epoch > worker.epoch) continue
      if (before && before.epoch < worker.epoch) difference.removed.push(before.view.key)
      difference.changed.push(this.#learn(worker, changes.takenAt))
    }
    return difference
  }

  /** Learns who is dead, as the board has it: one definition for all who ask it. */
  syncDead(snapshot: Snapshot): Difference {
    const before = this.#dead
    const dead = snapshot.workers.filter(({ state }) => state === 'dead')
    this.#dead = new Map(
      dead.map((worker) => {
        const known = this.#known(worker, snapshot.takenAt)
        return [known.view.key, known]
      }),
    )
    for (const worker of dead) {
      const { view } = this.#dead.get(ownerKey(worker))!
      this.#count(worker, view)
      this.#note(view, snapshot.takenAt - (worker.deadForMs ?? 0))
    }
    const removed = [...before.keys()].filter((key) => !this.#dead.has(key))
    const changed = [...this.#dead].filter(([key]) => !before.has(key)).map(([, { view }]) => view)
    return { changed, removed }
  }

  /** Those that have become stale or blocked, or come back, by themselves. */
  judge(): WorkerView[] {
    const changed: WorkerView[] = []
    for (const known of this.#bySlot.values()) {
      const view = this.#now(known)
      if (view.kind === known.view.kind) continue
      known.view = { ...known.view, kind: view.kind, word: view.word, letter: view.letter }
      changed.push(view)
    }
    return changed
  }

  /** Learns whose hearts stand still. Nothing is published by one that blocks, so this makes no change. */
  learnBlocked(blocked: ReadonlyMap<number, { epoch: number; forMs: number }>): void {
    for (const [slot, known] of this.#bySlot) {
      const one = blocked.get(slot)
      const blockedMs = one?.epoch === known.epoch ? one.forMs : undefined
      known.stoodAt = blockedMs === undefined ? undefined : performance.now() - blockedMs
    }
  }

  /** Learns what the living cost: entries with `vitals`. */
  learnVitals(workers: readonly WorkerEntry[]): void {
    for (const { slot, epoch, vitals } of workers) {
      const known = this.#bySlot.get(slot)
      if (known?.epoch === epoch && vitals) known.view = { ...known.view, ...costOf(vitals) }
    }
  }

  /** The living by slot, then the dead; ages as they are now. */
  views(): WorkerView[] {
    const living = [...this.#bySlot.values()].sort((a, b) => a.view.slot - b.view.slot)
    return [...living, ...this.#dead.values()].map((known) => this.#now(known))
  }

  counts(): KindCounts {
    return countKinds(this.views().map(({ kind }) => kind))
  }

  #now(known: Known): WorkerView {
    const more = performance.now() - known.readAt
    const { facts } = known
    const later = (ms: number | undefined) => (ms === undefined ? undefined : ms + more)
    const blockedMs = known.stoodAt === undefined ? undefined : performance.now() - known.stoodAt
    const now = { ...known, facts: { ...facts, silentMs: facts.silentMs + more, blockedMs } }
    const view = judgeAgain(now, this.#limits)
    return { ...view, runsMs: later(view.runsMs), oldestMs: later(view.oldestMs) }
  }

  #known(worker: WorkerEntry, at: number): Known {
    const seen = viewWorker(worker, at, this.#limits)
    this.#servesRequests ||= seen.view.requests !== undefined
    const { blockedMs } = seen.facts
    const now = performance.now()
    const stoodAt = blockedMs === undefined ? undefined : now - blockedMs
    return { ...seen, epoch: worker.epoch, readAt: now, stoodAt }
  }

  #learn(worker: WorkerEntry, at: number): WorkerView {
    const known = this.#known(worker, at)
    const before = this.#bySlot.get(worker.slot)
    // Changes do not tell it, and it costs no less for that.
    if (before?.epoch === worker.epoch && !worker.vitals) {
      known.view = { ...known.view, cpu: before.view.cpu, memory: before.view.memory }
    }
    this.#count(worker, known.view)
    this.#bySlot.set(worker.slot, known)
    return known.view
  }

  /** Where the status cannot be read, or is suddenly another one, the worker has not worked less. */
  #count({ slot, epoch, startedAt }: WorkerEntry, view: WorkerView): void {
    this.#oldestStart = Math.min(this.#oldestStart, startedAt)
    const before = this.#counted.get(slot)
    const isSame = before?.epoch === epoch
    const most = { updates: 0, requests: 0, bytes: 0 }
    for (const name of ['updates', 'requests', 'bytes'] as const) {
      const counted = isSame ? before[name] : 0
      const more = Math.max(0, (view[name] ?? 0) - counted)
      most[name] = counted + more
      if (more > 0) this.#sums = { ...this.#sums, [name]: this.#sums[name] + more }
    }
    this.#counted.set(slot, { epoch, ...most })
  }

  #note({ key, id, pid, ending, doing }: WorkerView, at: number): void {
    if (this.#deaths.has(key)) return
    this.#deaths.set(key, { at, id, pid, ending, doing })
    for (const old of this.#deaths.keys()) {
      if (this.#deaths.size <= MOST_DEATHS) return
      this.#deaths.delete(old)
    }
  }
}
