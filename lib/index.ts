// The public names, nothing else.

export { ScoreboardError, type ScoreboardErrorCode } from './errors'
export type { Counters, SharedCounters } from './scoreboard/counters'
export { Scoreboard } from './scoreboard/scoreboard'
export type {
  Changes,
  Cursor,
  GoneWorker,
  JsonValue,
  ScoreboardOptions,
  Snapshot,
  Status,
  WatchOptions,
  WorkerChange,
  WorkerEntry,
  WorkerEntryError,
} from './scoreboard/types'
