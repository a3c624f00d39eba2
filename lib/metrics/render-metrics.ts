// A board, and queues, as metrics for Prometheus.
import { type RouteTotals, readRequestTotals } from '../http/request-counts'
import { isRequestStatus, type RequestStatus, requestTimes } from '../http/request-status'
import type { TimerInfo } from '../queue/types'
import type { AnyScoreboard, Scoreboard } from '../scoreboard/scoreboard'
import type { Snapshot, WorkerEntry } from '../scoreboard/types'
import { checkOptions, optionalInteger } from '../util/check-options'
import { activityOf, countKinds, countsAsBusy, kindOfWorker, letterOf, livingOf } from '../view/activity'
import { DeadTimes } from '../view/dead-times'
import type { QueueReading } from '../view/queue-reading'
import { blockedForMs, type StateLimits, shownState } from '../view/worker-state'
import { exposition, type Labels, type MetricFamily, type MetricsFormat, metricName } from './exposition'

/** What `renderMetrics()` takes. */
export interface MetricsOptions {
  /** @default 'text', the format that everybody reads */
  format?: MetricsFormat
  /** What `readQueue()` said. @default none */
  queues?: readonly QueueReading[]
  /**
   * A living worker without a heartbeat that has been silent for longer counts as stale, in milliseconds.
   *
   * @default 10000
   */
  staleAfterMs?: number | undefined
  /** How old the heart of a worker may be before it counts as blocked, in milliseconds. @default three beats */
  blockedAfterMs?: number | undefined
}

/** For so long the dead are still told of, as `rollcall_worker_up 0`: ids that are pids would fill a server otherwise. */
const DEAD_SERIES_MS = 5 * 60_000

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
  checkOptions(
    options,
    ['format', 'queues', 'staleAfterMs', 'blockedAfterMs'],
    'the options of renderMetrics()',
  )
  const { format = 'text', queues = [] } = options
  const staleMs = optionalInteger(options.staleAfterMs, 'staleAfterMs', 1, 2 ** 31 - 1) ?? 10_000
  const blockedMs = optionalInteger(options.blockedAfterMs, 'blockedAfterMs', 1, 2 ** 31 - 1)
  const limits = { staleMs, blockedMs }
  const snapshot = board.snapshot({ includeDead: true, vitals: true })
  const ours = [
    buildFamily(),
    ...boardFamilies(snapshot, limits),
    ...endedFamilies(board),
    ...workerFamilies(snapshot, limits, deadNow(board, snapshot)),
    ...requestFamilies(board),
    ...queueFamilies(queues),
  ]
  const taken = new Set(ours.flatMap(({ name }) => [name, `${name}_total`]))
  return exposition([...ours, ...counterFamilies(board, snapshot, taken)], format)
}

function requestFamilies(board: AnyScoreboard): MetricFamily[] {
  const routes = readRequestTotals(board)?.routes ?? []
  if (routes.length === 0) return []
  const labelsOf = ({ route }: RouteTotals): Labels => (route === undefined ? {} : { route })
  const counted = routes.flatMap((one) =>
    one.counts.map(({ method, outcome, count }): [Labels, number] => [
      { method, status: outcome, ...labelsOf(one) },
      count,
    ]),
  )
  return [
    counter(
      'rollcall_http_requests',
      'Requests by method, outcome and route, over all workers that ever were.',
      counted,
    ),
    {
      name: 'rollcall_http_request_duration_seconds',
      type: 'histogram',
      help: 'How long requests took, until their last byte.',
      unit: 'seconds',
      samples: routes.flatMap((one) => histogramOf(one, labelsOf(one))),
    },
  ]
}

function histogramOf({ buckets, seconds, requests }: RouteTotals, labels: Labels): MetricFamily['samples'] {
  return [
    ...buckets.map(({ bound, count }): [Labels, number, string] => [
      { ...labels, le: bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound) },
      count,
      '_bucket',
    ]),
    [labels, seconds, '_sum'],
    [labels, requests, '_count'],
  ]
}

const deadTimes = new WeakMap<Scoreboard, DeadTimes>()

/** Those of the dead that are still told of. */
function deadNow(board: Scoreboard, snapshot: Snapshot): WorkerEntry[] {
  const times = deadTimes.get(board) ?? new DeadTimes()
  deadTimes.set(board, times)
  return times.split(snapshot, DEAD_SERIES_MS).fresh
}

export function buildFamily(): MetricFamily {
  const { version } = require('./release') as typeof import('./release')
  const labels = { version, node: process.version }
  return gauge('rollcall_build_info', 'Which release of rollcall says all this.', [[labels, 1]])
}

function boardFamilies({ slots, workers, takenAt }: Snapshot, limits: StateLimits): MetricFamily[] {
  const counts = countKinds(workers.map((worker) => kindOfWorker(worker, takenAt, limits)))
  const kinds = (['busy', 'idle', 'stale', 'blocked'] as const).map((kind): [Labels, number] => [
    { state: kind },
    counts[kind],
  ])
  return [
    gauge('rollcall_slots', 'How many workers the board can hold.', [[{}, slots]]),
    gauge('rollcall_workers', 'Workers on the board, by state. The dead stay until they are cleaned up.', [
      [{ state: 'live' }, livingOf(counts)],
      [{ state: 'dead' }, counts.dead],
    ]),
    gauge('rollcall_workers_blocked', 'Living workers whose event loop does not turn.', [
      [{}, counts.blocked],
    ]),
    gauge(
      'rollcall_workers_living',
      'The living workers by what they do, or what is wrong with them.',
      kinds,
    ),
  ]
}

function endedFamilies(board: AnyScoreboard): MetricFamily[] {
  const { ended, diedTold } = board.ended()
  return [
    counter('rollcall_workers_ended', 'Workers that ended, well or not, since the board was made.', [
      [{}, ended],
    ]),
    counter(
      'rollcall_workers_died',
      'Those of them that died. Where the board has forgotten some: since this process has looked.',
      [[{}, diedTold]],
    ),
  ]
}

export function workerFamilies(
  { workers, takenAt }: Snapshot,
  limits: StateLimits,
  dead: WorkerEntry[],
): MetricFamily[] {
  const known = onePerId([...workers.filter(({ state }) => state === 'live'), ...dead])
  const living = known.filter(({ state }) => state === 'live')
  const of = (some: readonly WorkerEntry[], value: (worker: WorkerEntry) => number | undefined) =>
    some.flatMap((worker): [Labels, number][] => {
      const number = value(worker)
      return number === undefined ? [] : [[{ worker: worker.id }, number]]
    })
  const each = (value: (worker: WorkerEntry) => number | undefined) => of(living, value)
  const serving = (value: (status: RequestStatus) => number) =>
    each(({ status }) => (isRequestStatus(status) ? value(status) : undefined))
  const hearts = (value: (worker: WorkerEntry) => number) =>
    each((worker) => (worker.heartbeatMs === undefined ? undefined : value(worker)))
  return [
    gauge(
      'rollcall_worker_up',
      'Whether the worker lives, by what the kernel says. The dead are told of for five minutes.',
      of(known, ({ state }) => Number(state === 'live')),
    ),
    gauge(
      'rollcall_worker_blocked_seconds',
      'For how long its event loop has stood still; 0 while it turns.',
      hearts((worker) => (blockedForMs(worker, limits.blockedMs) ?? 0) / 1000),
      'seconds',
    ),
    gauge(
      'rollcall_worker_blocked',
      'Whether it lives and its event loop does not turn.',
      hearts((worker) => Number(blockedForMs(worker, limits.blockedMs) !== undefined)),
    ),
    gauge(
      'rollcall_worker_heartbeat_age_seconds',
      'How long ago its event loop last turned.',
      hearts(({ heartbeatAgeMs = 0 }) => heartbeatAgeMs / 1000),
      'seconds',
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
    gauge(
      'rollcall_worker_stale',
      'Whether it has no heartbeat and has been silent for too long.',
      each((worker) => Number(shownState(worker, takenAt, limits) === 'stale')),
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
      'Whether it has something to do, by what it says and by its event loop.',
      each((worker) => {
        const kind = kindOfWorker(worker, takenAt, limits)
        return Number(countsAsBusy(letterOf(kind, activityOf(worker))))
      }),
    ),
    gauge(
      'rollcall_worker_requests_in_flight',
      'Requests that have begun and not ended.',
      serving(({ inFlight }) => inFlight),
    ),
    gauge(
      'rollcall_worker_oldest_request_seconds',
      'For how long the oldest request in flight has run; 0 while there is none.',
      serving((status) => Math.max(0, takenAt - (requestTimes(status)?.oldestAt ?? takenAt)) / 1000),
      'seconds',
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
export function unique(name: string, taken: Set<string>): string {
  let free = name
  for (let suffix = 2; taken.has(free); suffix++) free = `${name}_${suffix}`
  taken.add(free)
  return free
}

export function queueFamilies(queues: readonly QueueReading[]): MetricFamily[] {
  const items = queues.flatMap(({ name, counts }): [Labels, number][] =>
    (['ready', 'delayed', 'leased', 'done', 'dead'] as const).map((state) => [
      { queue: name, state },
      counts[state],
    ]),
  )
  const timers = queues.flatMap(({ name, timers }) =>
    TIMER_STATES.map((state): [Labels, number] => [
      { queue: name, state },
      timers.filter((timer) => timer.state === state).length,
    ]),
  )
  return [
    gauge('rollcall_queue_items', 'Items of the queue, by state.', items),
    gauge(
      'rollcall_queue_waiting_items',
      'Those of the ready that may not begin yet, since a queue that this one comes after is not done.',
      queues.map(({ name, counts }): [Labels, number] => [{ queue: name }, counts.waiting ?? 0]),
    ),
    counter(
      'rollcall_queue_failed_attempts',
      'Attempts that failed: they were nacked, or their worker died with the item in hand.',
      queues.map(({ name, counts }): [Labels, number] => [{ queue: name }, counts.failed]),
    ),
    counter(
      'rollcall_queue_retried_attempts',
      'Those of them after which the item was to be tried again.',
      queues.map(({ name, counts }): [Labels, number] => [{ queue: name }, counts.retried]),
    ),
    gauge('rollcall_queue_timers', 'Timers of the queue, by state.', timers),
  ]
}

export function gauge(
  name: string,
  help: string,
  samples: MetricFamily['samples'],
  unit?: string,
): MetricFamily {
  return { name, type: 'gauge', help, samples, unit }
}

export function counter(
  name: string,
  help: string,
  samples: MetricFamily['samples'],
  unit?: string,
): MetricFamily {
  return { name, type: 'counter', help, samples, unit }
}
