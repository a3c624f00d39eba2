// The metrics of prom-client registries, of all workers, through a board: each worker publishes its own, whoever
// is scraped adds them up, and nobody has to ask or to answer. prom-client's own way asks every worker
// over IPC, and one that hangs costs the scrape of all. One bad file, worker or disk costs nothing but itself.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { Scoreboard } from '../scoreboard/scoreboard'
import { checkOptions, optionalBoolean } from '../util/check-options'
import { fold, keyOf, metricsOf, type Tell } from './prom-folding'
import { lasting, type Metric, ShownSums } from './prom-metric'
import { readRetained, type SharedPlace } from './prom-retained'

/** What `clusterMetrics()` takes. */
export interface ClusterMetricsOptions {
  /** The directory that the workers publish to. */
  baseDir: string
  /** The format: prom-client's own, or OpenMetrics. @default 'text' */
  format?: 'text' | 'openmetrics'
  /**
   * Only reads: adds nobody to what is retained, and frees no slot. For an exporter of another user, or one that sees
   * the directory on a disk that it may not write to. What a worker that is gone had published stays in its slot
   * until somebody who may write takes care of it.
   *
   * @default false
   */
  readOnly?: boolean
  /** What the workers gave as `mode`. @default 0o600 */
  mode?: number
  /** As of a board. @default false */
  allowAnyFilesystem?: boolean
  /**
   * Hears, once for each, what is set aside: a file or a worker that cannot be read, metrics that do not fit together,
   * a disk on which nothing more can be retained. All else is served.
   *
   * @default process.emitWarning
   */
  onError?: (error: Error) => void
}

/** See metrics.ts. */
export async function clusterMetrics(options: ClusterMetricsOptions): Promise<string> {
  checkOptions(
    options,
    ['baseDir', 'format', 'readOnly', 'mode', 'allowAnyFilesystem', 'onError'],
    'the options of clusterMetrics()',
  )
  const { baseDir, format = 'text', mode, allowAnyFilesystem, onError } = options
  const readOnly = optionalBoolean(options.readOnly, 'readOnly') ?? false
  const promClient = loadPromClient()
  const tell = onceOnly(onError)
  const turn = slices()
  const place = { baseDir, mode, allowAnyFilesystem }
  using board = new Scoreboard({ ...place, readOnly: true })
  const everybody = await readEverybody(board, tell, turn)
  if (everybody.hasUnfolded && !readOnly) await tryToFold(place, tell, turn)
  const sums = new ShownSums((name, what) =>
    tell(`${baseDir} ${name}`, `Metric '${name}' on ${baseDir}: ${what}`),
  )
  for (const metrics of everybody.metrics) {
    sums.add(metrics)
    await turn()
  }
  return render(promClient, sums.metrics, format, turn)
}

/** What was told in this process, so that a scrape every few seconds does not fill a log. */
const told = new Set<string>()
const MOST_TOLD = 1000

function onceOnly(onError: ((error: Error) => void) | undefined): Tell {
  return (key, problem) => {
    if (told.has(key)) return
    if (told.size >= MOST_TOLD) told.clear()
    told.add(key)
    if (onError === undefined) process.emitWarning(problem)
    else onError(new Error(problem))
  }
}

const SLICE_MS = 10

/** Lets the event loop turn when enough has been done since it last did. */
function slices(): () => Promise<void> {
  let since = performance.now()
  return async () => {
    if (performance.now() - since < SLICE_MS) return
    await nextTurn()
    since = performance.now()
  }
}

interface PromClient {
  Registry: { OPENMETRICS_CONTENT_TYPE: string; PROMETHEUS_CONTENT_TYPE: string }
  AggregatorRegistry: { aggregate(all: Metric[][], type?: string): { metrics(): Promise<string> } }
}

function loadPromClient(): PromClient {
  try {
    return process.getBuiltinModule('node:module').createRequire(__filename)('prom-client') as PromClient
  } catch (cause) {
    throw new Error('clusterMetrics() needs the package prom-client: npm install prom-client', { cause })
  }
}

const MAX_TRIES = 100

interface Everybody {
  /** Of each worker, the newest first, then of those that are gone, then what is retained. */
  metrics: Metric[][]
  /** Whether some are gone and not retained yet. */
  hasUnfolded: boolean
}

/** The retained and everybody that is not in it, each once. */
async function readEverybody(board: Scoreboard, tell: Tell, turn: () => Promise<void>): Promise<Everybody> {
  const { baseDir, boardId } = board
  const tellFile = (problem: string) => tell(baseDir, problem)
  for (let attempt = 1; ; attempt++) {
    const retained = readRetained(baseDir, boardId, tellFile)
    const folded = new Set(retained.folded)
    const living: { startedAt: number; metrics: Metric[] }[] = []
    const gone: Metric[][] = []
    let hasDead = false
    for (const worker of board.eachWorker()) {
      hasDead ||= worker.state === 'dead'
      if (worker.state === 'dead' && folded.has(keyOf(worker))) continue
      const metrics = metricsOf(worker, baseDir, tell)
      if (metrics !== undefined && worker.state === 'dead') gone.push(lasting(metrics))
      if (metrics !== undefined && worker.state === 'live') living.push({ ...worker, metrics })
      await turn()
    }
    // Somebody has moved workers from there to here meanwhile.
    const isSame = readRetained(baseDir, boardId, tellFile).generation === retained.generation
    if (!isSame && attempt < MAX_TRIES) continue
    living.sort((a, b) => b.startedAt - a.startedAt)
    const metrics = [...living.map((worker) => worker.metrics), ...gone, retained.metrics]
    return { metrics, hasUnfolded: hasDead }
  }
}

/** What is not folded today is folded tomorrow, and served from its slot until then. */
async function tryToFold(place: SharedPlace, tell: Tell, turn: () => Promise<void>): Promise<void> {
  const { baseDir } = place
  try {
    using board = new Scoreboard(place)
    await fold(board, place, tell, turn)
  } catch (error) {
    const problem = `Cannot retain the metrics of the dead in ${baseDir} now, they stay in their slots: ${(error as Error).message}`
    tell(`${baseDir} retain`, problem)
  }
}

const VALUES_A_SLICE = 500

async function render(
  { AggregatorRegistry, Registry }: PromClient,
  metrics: readonly Metric[],
  format: 'text' | 'openmetrics',
  turn: () => Promise<void>,
): Promise<string> {
  const isOpen = format === 'openmetrics'
  const type = isOpen ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE
  const parts: string[] = []
  for (let from = 0, to = 0; from < metrics.length; from = to) {
    for (let values = 0; to < metrics.length && (to === from || values < VALUES_A_SLICE); to++) {
      values += metrics[to]!.values.length
    }
    const text = await AggregatorRegistry.aggregate([metrics.slice(from, to)], type).metrics()
    parts.push(isOpen ? text.replace(/# EOF\n$/, '') : text)
    await turn()
  }
  return isOpen ? `${parts.join('')}# EOF\n` : parts.join('\n') || '\n'
}
