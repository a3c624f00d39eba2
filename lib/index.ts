// The public names, nothing else.

export { ScoreboardError, type ScoreboardErrorCode } from './errors'
export { Scoreboard } from './scoreboard/scoreboard'
export type {
  Cursor,
  JsonValue,
  ScoreboardOptions,
  Snapshot,
  Status,
  WorkerEntry,
  WorkerEntryError,
} from './scoreboard/types'
