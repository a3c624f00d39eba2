// The public names, nothing else.

export {
  ScoreboardError,
  type ScoreboardErrorCode,
  type ScoreboardErrorDetails,
  WatchdogError,
  type WatchdogErrorCode,
  type WatchdogErrorDetails,
} from './errors'
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
export type { Lease } from './watchdog/lease'
export type { WatchdogTimer } from './watchdog/timer'
export type {
  ConnectOptions,
  CreateQueueOptions,
  DeadLetter,
  DoneReport,
  EndResult,
  LeaseOptions,
  LeasesOptions,
  QueueCounts,
  RunOptions,
  TimerCounts,
  TimerInfo,
  TimerState,
  WaitOptions,
  WatchdogEvent,
  WatchdogEventType,
} from './watchdog/types'
export { WatchdogQueue } from './watchdog/watchdog-queue'
