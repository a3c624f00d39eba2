// A board, and queues, as metrics for Prometheus.

import { isBusy, isRequestStatus, type RequestStatus } from '../http/request-status'
import type { TimerInfo } from '../queue/types'
import type { AnyScoreboard, Scoreboard } from '../scoreboard/scoreboard'
import type { Snapshot, WorkerEntry } from '../scoreboard/types'
import { checkOptions, optionalInteger } from '../util/check-options'
import type { QueueReading } from '../view/queue-reading'
import { blockedForMs } from '../view/worker-state'
import { exposition, type Labels, type MetricFamily, type MetricsFormat, metricName } from './exposition'

/** What `renderMetrics()` takes. */
export interface MetricsOptions {
  /** @default 'text', the format that everybody reads */
  format?: MetricsFormat
  /** What `readQueue()` said. @default none */
  queues?: readonly QueueReading[]
  /** How old the heart of a worker may be before it counts as blocked, in milliseconds. @default three beats */
  blockedAfterMs?: number | undefined
}

const TIMER_STATES: readonly TimerInfo['state'][] = [
  'alive',
  'expired',
  'finished',
  'failed',
  'died',
  'never-started',
]

/** See metrics.ts. */
export function renderMetrics(board: AnyScoreboard, options: MetricsOptions = {}): string {
  checkOptions(options, ['format', 'queues', 'blockedAfterMs'], 'the options of renderMetrics()')
  const { format = 'text', queues = [] } = options
  const blockedMs = optionalInteger(options.blockedAfterMs, 'blockedAfterMs', 1, 2 ** 31 - 1)
  const snapshot = board.snapshot({ includeDead: true, vitals: true })
  const ours = [
    ...boardFamilies(snapshot, blockedMs),
    ...workerFamilies(snapshot, blockedMs),
    ...queueFamilies(queues),
  ]
  const taken = new Set(ours.flatMap(({ name }) => [name, `${name}_total`]))
  return exposition([...ours, ...counterFamilies(board, snapshot, taken)], format)
}

function boardFamilies({ slots, workers }: Snapshot, blockedMs: number | undefined): MetricFamily[] {
  const count = (state: WorkerEntry['state']) => workers.filter((worker) => worker.state === state).length
  return [
    gauge('rollcall_slots', 'How many workers the board can hold.', [[{}, slots]]),
    gauge('rollcall_workers', 'Workers on the board, by state. The dead stay until they are cleaned up.', [
      [{ state: 'live' }, count('live')],
      [{ state: 'dead' }, count('dead')],
    ]),
    gauge('rollcall_workers_blocked', 'Living workers whose event loop does not turn.', [
      [{}, workers.filter((worker) => blockedForMs(worker, blockedMs) !== undefined).length],
    ]),
  ]
}

function workerFamilies({ workers }: Snapshot, blockedMs: number | undefined): MetricFamily[] {
  const known = onePerId(workers)
  const each = (value: (worker: WorkerEntry) => number | undefined) =>
    known.flatMap((worker): [Labels, number][] => {
      const number = value(worker)
      return number === undefined ? [] : [[{ worker: worker.id }, number]]
    })
  const serving = (value: (status: RequestStatus) => number) =>
    each(({ status }) => (isRequestStatus(status) ? value(status) : undefined))
  return [
    gauge(
      'rollcall_worker_up',
      'Whether the worker lives, by what the kernel says.',
      each(({ state }) => Number(state === 'live')),
    ),
    gauge(
      'rollcall_worker_start_time_seconds',
      'When it came to the board, since the Unix epoch.',
      each(({ startedAt }) => startedAt / 1000),
      'seconds',
    ),
    gauge(
      'rollcall_worker_status_age_seconds',
      'How long ago it published its status.',
      each(({ ageMs }) => (ageMs === undefined ? undefined : ageMs / 1000)),
      'seconds',
    ),
    gauge(
      'rollcall_worker_heartbeat_age_seconds',
      'How long ago its event loop last turned.',
      each(({ heartbeatAgeMs }) => (heartbeatAgeMs === undefined ? undefined : heartbeatAgeMs / 1000)),
      'seconds',
    ),
    gauge(
      'rollcall_worker_blocked',
      'Whether it lives and its event loop does not turn.',
      each((worker) =>
        worker.heartbeatMs === undefined ? undefined : Number(blockedForMs(worker, blockedMs) !== undefined),
      ),
    ),
    counter(
      'rollcall_worker_cpu_seconds',
      'Processor time of its process, or of its thread.',
      each(({ vitals }) => (vitals === undefined ? undefined : vitals.cpuMs / 1000)),
      'seconds',
    ),
    gauge(
      'rollcall_worker_resident_memory_bytes',
      'Memory of its process.',
      each(({ vitals }) => vitals?.rssBytes),
      'bytes',
    ),
    counter(
      'rollcall_worker_updates',
      'How often it has published.',
      each(({ updates }) => updates),
    ),
    gauge(
      'rollcall_worker_unreadable',
      'Whether its status cannot be read.',
      each(({ error }) => Number(error !== undefined)),
    ),
    gauge(
      'rollcall_worker_busy',
      'Whether it has requests to serve.',
      serving(({ state }) => Number(isBusy(state))),
    ),
    gauge(
      'rollcall_worker_requests_in_flight',
      'Requests that have begun and not ended.',
      serving(({ inFlight }) => inFlight),
    ),
    counter(
      'rollcall_worker_requests',
      'Requests that it has served.',
      serving(({ requests }) => requests),
    ),
    counter(
      'rollcall_worker_sent_bytes',
      'Bytes that it has written to its clients.',
      serving(({ bytes }) => bytes),
      'bytes',
    ),
  ]
}

/** Two series of one name are an error to Prometheus. */
function onePerId(workers: readonly WorkerEntry[]): WorkerEntry[] {
  const byId = new Map<string, WorkerEntry>()
  for (const worker of workers) {
    const other = byId.get(worker.id)
    if (other === undefined || rank(worker) > rank(other)) byId.set(worker.id, worker)
  }
  return [...byId.values()]
}

function rank({ state, startedAt }: WorkerEntry): number {
  return state === 'live' ? Infinity : startedAt
}

function counterFamilies(board: Scoreboard, { workers }: Snapshot, taken: Set<string>): MetricFamily[] {
  const totals = board.totals()
  const living = onePerId(workers.filter(({ state }) => state === 'live'))
  const own = Object.entries(board.counterKinds).map(([name, kind]) => {
    const family = unique(`rollcall_${metricName(name).replace(/_total$/, '')}`, taken)
    if (kind === 'counter') {
      return counter(family, `The board's counter ${name}, over all workers that ever were.`, [
        [{}, totals[name]!],
      ])
    }
    const samples = living.map(({ id, counters }): [Labels, number] => [{ worker: id }, counters[name]!])
    return gauge(family, `The board's gauge ${name}.`, samples)
  })
  const shared = board.shared.names.map((name) => {
    const family = unique(`rollcall_shared_${metricName(name)}`, taken)
    return gauge(family, `The number ${name} that all workers share.`, [[{}, board.shared.get(name)]])
  })
  return [...own, ...shared]
}

/** `a-b` and `a_b` are two counters, and `workers` is ours. */
function unique(name: string, taken: Set<string>): string {
  let free = name
  for (let suffix = 2; taken.has(free); suffix++) free = `${name}_${suffix}`
  taken.add(free)
  return free
}

function queueFamilies(queues: readonly QueueReading[]): MetricFamily[] {
  const items = queues.flatMap(({ name, counts }): [Labels, number][] =>
    (['ready', 'leased', 'done', 'dead'] as const).map((state) => [{ queue: name, state }, counts[state]]),
  )
  const timers = queues.flatMap(({ name, timers }) =>
    TIMER_STATES.map((state): [Labels, number] => [
      { queue: name, state },
      timers.filter((timer) => timer.state === state).length,
    ]),
  )
  return [
    gauge('rollcall_queue_items', 'Items of the queue, by state.', items),
    gauge('rollcall_queue_timers', 'Timers of the queue, by state.', timers),
  ]
}

function gauge(name: string, help: string, samples: MetricFamily['samples'], unit?: string): MetricFamily {
  return { name, type: 'gauge', help, samples, unit }
}

function counter(name: string, help: string, samples: MetricFamily['samples'], unit?: string): MetricFamily {
  return { name, type: 'counter', help, samples, unit }
}
