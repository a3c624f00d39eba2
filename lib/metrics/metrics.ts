// What users call of this room. Its insides are loaded by the first call: a worker that publishes no metrics has none.

import type { AnyScoreboard } from '../scoreboard/scoreboard'
import type { ClusterMetricsOptions } from './prom-client'
import type { MetricsPublication, MetricsRegistry, PublishMetricsOptions } from './prom-publisher'
import type { MetricsOptions } from './render-metrics'

const prom = () => require('./prom') as typeof import('./prom')
const ours = () => require('./render-metrics') as typeof import('./render-metrics')

/**
 * The metrics of a board, as text for Prometheus: how many workers live, for each whether it does, how old its
 * status is, how often it has published, what it serves; the board's counters, which outlive their workers,
 * and gauges; the items and timers of queues. A worker is one label, its id: of those that had the same id one
 * after another the living one, or the last.
 *
 * @throws {ScoreboardError} `ERR_CLOSED`, `ERR_BOARD_REPLACED`
 */
export function renderMetrics(board: AnyScoreboard, options: MetricsOptions = {}): string {
  return ours().renderMetrics(board, options)
}

/**
 * Publishes the metrics of a registry of prom-client again and again, for `clusterMetrics()` of any process of the
 * machine. However the process or thread ends, what it has published last stays in the totals.
 * Where the board is deleted or replaced, it goes on with the next.
 *
 * @throws {TypeError | RangeError} no registry, or wrong options
 * @throws {ScoreboardError} the board cannot be made, opened or trusted
 */
export function publishMetrics(
  registry: MetricsRegistry,
  options: PublishMetricsOptions,
): MetricsPublication {
  return prom().publishMetrics(registry, options)
}

/**
 * The metrics of all workers as text: of the living what they have published last, however they are now, added up
 * by each metric's own aggregator as prom-client does it; of all that ever lived, what only grows (counters,
 * histograms, the sums and counts of summaries). Needs the package prom-client.
 *
 * What a worker had published before it ended is in the sum once, and stays there, however it ended and whoever is killed
 * while it is being retained. Reading goes on in slices, between which the event loop turns.
 *
 * Where releases differ in what a name means, the newest living worker says it: a metric of another type is left out, counts
 * of other buckets are shown in the next higher one.
 *
 * @throws {ScoreboardError} there is no board yet (`ERR_NOT_A_BOARD`; none is made), or it cannot be opened or trusted
 */
export async function clusterMetrics(options: ClusterMetricsOptions): Promise<string> {
  return prom().clusterMetrics(options)
}
