// The public names, nothing else.

export { Fleet } from './fleet/fleet'
export type { FleetMember } from './fleet/member'
export type {
  FleetBoard,
  FleetChange,
  FleetConnectOptions,
  FleetGoneWorker,
  FleetSnapshot,
  FleetViewOptions,
  FleetWatchOptions,
  FleetWorker,
  FleetWorkerChange,
  JoinOptions,
  MachineChange,
  MachineEntry,
  MachineState,
  MemberBoard,
} from './fleet/types'
export {
  type ExpressMiddleware,
  expressMiddleware,
  type FastifyApp,
  type FastifyRequest,
  fastifyPlugin,
  type KoaContext,
  type KoaMiddleware,
  koaMiddleware,
} from './http/framework-adapters'
export {
  type InstrumentableServer,
  type Instrumentation,
  type InstrumentOptions,
  instrument,
} from './http/instrument'
export {
  isBusy,
  isRequestStatus,
  type RequestInFlight,
  type RequestState,
  type RequestStatus,
  STATE_LETTERS,
} from './http/request-status'
export { CONTENT_TYPES, type MetricsFormat, metricsFormat } from './metrics/exposition'
export { clusterMetrics, publishMetrics, renderMetrics } from './metrics/metrics'
export type { ClusterMetricsOptions } from './metrics/prom-client'
export type { MetricsPublication, MetricsRegistry, PublishMetricsOptions } from './metrics/prom-publisher'
export type { MetricsOptions } from './metrics/render-metrics'
export { fleetHandler } from './page/fleet-handler'
export { type StatusHandler, statusHandler } from './page/handler'
export type { StatusHandlerOptions } from './page/handler-options'
export type {
  AddOptions,
  BackoffOptions,
  ConnectOptions,
  CreateQueueOptions,
  DeadLetter,
  DoneReport,
  EndResult,
  EventsOptions,
  ItemInfo,
  ItemResult,
  ItemState,
  ItemsOptions,
  LeaseOptions,
  LeasesOptions,
  NackOptions,
  QueueCounts,
  RunOptions,
  TimerCounts,
  TimerInfo,
  TimerState,
  TlsOptions,
  WaitOptions,
  WatchdogEvent,
  WatchdogEventType,
} from './queue/types'
export { WatchdogQueue } from './queue/watchdog-queue'
export type { Lease } from './queue/worker/lease'
export type { WatchdogTimer } from './queue/worker/timer'
export type { Counters, SharedCounters } from './scoreboard/counters'
export { type ExitNotes, type ExitSource, noteExits } from './scoreboard/note-exits'
export { notifySystemd } from './scoreboard/notify-systemd'
export { type AnyScoreboard, Scoreboard } from './scoreboard/scoreboard'
export type {
  Accepted,
  Changes,
  Cursor,
  GoneWorker,
  Jsonable,
  JsonValue,
  ScoreboardOptions,
  Snapshot,
  Status,
  Vitals,
  WatchOptions,
  WorkerChange,
  WorkerEntry,
  WorkerEntryError,
} from './scoreboard/types'
export {
  ScoreboardError,
  type ScoreboardErrorCode,
  type ScoreboardErrorDetails,
  WatchdogError,
  type WatchdogErrorCode,
  type WatchdogErrorDetails,
} from './util/errors'
export { type QueueReading, readQueue } from './view/queue-reading'
export { blockedForMs } from './view/worker-state'
export type {
  AskedWorker,
  KernelView,
  StackFrame,
  StackOptions,
  StackRefusal,
  WorkerStack,
} from './why/types'
export { closeLeftInspectors, stackOf } from './why/why'
