// TO BE REMOVED with the merge of counters, changes and watch: their pinned shapes.

import { Scoreboard } from '../../lib'

export interface Coming {
  counters: { view: Float64Array; add(name: string, n?: number): void; index(name: string): number }
  shared: { add(name: string, n?: number): void }
  totals(): Record<string, number>
  changes(since?: unknown): ComingChanges
  watch(options?: { signal?: AbortSignal; minIntervalMs?: number }): AsyncIterableIterator<ComingChanges>
}
interface ComingChanges {
  cursor: unknown
  workers: { id: string; status: unknown }[]
  gone: { id: string }[]
}

export function coming(board: Scoreboard): Coming {
  for (const name of ['counters', 'changes', 'watch']) {
    if (!(name in Scoreboard.prototype)) throw new Error(`Scoreboard has no ${name} yet`)
  }
  return board as unknown as Coming
}
