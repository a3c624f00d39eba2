// For how long the dead of a board have been dead, as far as somebody knows who looks now and then.

import type { Snapshot, WorkerEntry } from '../scoreboard/types'
import { ownerKey } from './rates'

/** Remembers when each was first seen dead: who only reads finds no note of it on the board. */
export class DeadTimes {
  #boardId = ''
  #seen = new Map<string, number>()

  /** Those of the dead that have been so for less, or for at least, `ms`. REQUIRES: a snapshot with the dead. */
  split({ boardId, workers }: Snapshot, ms: number): { fresh: WorkerEntry[]; old: WorkerEntry[] } {
    const now = performance.now()
    const dead = workers.filter(({ state }) => state === 'dead')
    const before = boardId === this.#boardId ? this.#seen : new Map<string, number>()
    this.#boardId = boardId
    this.#seen = new Map(dead.map((worker) => [ownerKey(worker), before.get(ownerKey(worker)) ?? now]))
    const isOld = (worker: WorkerEntry) =>
      Math.max(worker.deadForMs ?? 0, now - this.#seen.get(ownerKey(worker))!) >= ms
    return { fresh: dead.filter((worker) => !isOld(worker)), old: dead.filter(isOld) }
  }
}
