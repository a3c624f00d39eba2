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
export {
  type ExpressMiddleware,
  expressMiddleware,
  type FastifyApp,
  fastifyPlugin,
  type KoaContext,
  type KoaMiddleware,
  koaMiddleware,
} from './status/adapters'
export { CONTENT_TYPES, type MetricsFormat, metricsFormat } from './status/exposition'
export {
  type InstrumentableServer,
  type Instrumentation,
  type InstrumentOptions,
  instrument,
} from './status/instrument'
export { type MetricsOptions, type QueueReading, readQueue, renderMetrics } from './status/metrics'
export { type StatusHandler, statusHandler } from './status/page/handler'
export type { StatusHandlerOptions } from './status/page/handler-options'
export {
  type ClusterMetricsOptions,
  clusterMetrics,
  type MetricsPublication,
  type PublishMetricsOptions,
  publishMetrics,
} from './status/prom-bridge'
export {
  isBusy,
  isRequestStatus,
  type RequestInFlight,
  type RequestState,
  type RequestStatus,
  STATE_LETTERS,
} from './status/request-status'
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
