// Metrics of prom-client as its registries give them as JSON: which of them are that, what fits together, what they
// come to. Pure functions. What prom-client itself can do for this works on whole registries at once, trusts what
// it gets, and mixes histograms of different buckets and metrics of different types.

export interface MetricValue {
  value: number
  labels: Record<string, string | number>
  metricName?: string
}

/** One metric as prom-client's `getMetricsAsJSON()` gives it. */
export interface Metric {
  name: string
  help: string
  type: string
  aggregator: string
  values: MetricValue[]
}

const TYPES: ReadonlySet<unknown> = new Set(['counter', 'gauge', 'histogram', 'summary'])

export function isMetric(value: unknown): value is Metric {
  if (typeof value !== 'object' || value === null) return false
  const { name, help, type, aggregator, values } = value as Record<string, unknown>
  const isNamed = typeof name === 'string' && typeof help === 'string' && typeof aggregator === 'string'
  return isNamed && TYPES.has(type) && Array.isArray(values) && values.every(isValue)
}

/** Without a number, too: JSON knows no NaN and no infinity. */
function isValue(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { labels, metricName } = value as Record<string, unknown>
  const isLabelled = typeof labels === 'object' && labels !== null && !Array.isArray(labels)
  const areLabels = isLabelled && Object.values(labels).every((label) => /^[sn]/.test(typeof label))
  return areLabels && (metricName === undefined || typeof metricName === 'string')
}

/** What of a worker's metrics outlives it: what only grows. */
export function lasting(metrics: readonly Metric[]): Metric[] {
  return metrics.flatMap((metric) => {
    if (metric.aggregator !== 'sum') return []
    if (metric.type === 'counter' || metric.type === 'histogram') return [metric]
    if (metric.type !== 'summary') return []
    // Quantiles of the dead mean nothing; how often and how much they have observed does.
    return [{ ...metric, values: metric.values.filter(({ metricName }) => metricName !== undefined) }]
  })
}

/** The bounds of a histogram, ascending; empty for other types. */
function boundsOf({ type, values }: Metric): number[] {
  if (type !== 'histogram') return []
  const bounds = new Set<number>()
  for (const { labels } of values) if (labels.le !== undefined) bounds.add(boundOf(labels.le))
  return [...bounds].sort((a, b) => a - b)
}

function boundOf(le: string | number): number {
  return le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le)
}

/** What must be the same of two metrics of one name, or their numbers are not to be added. */
function schemaOf(metric: Metric): string {
  return `${metric.type} ${metric.aggregator} ${boundsOf(metric).join(' ')}`
}

/** A number for each series: of one metric, with labels and perhaps a name of its own. */
interface Series {
  value: MetricValue
  /** How many values are in it. */
  count: number
}

type Combine = (sum: number, value: number) => number

const COMBINE: Readonly<Record<string, Combine>> = {
  sum: (a, b) => a + b,
  average: (a, b) => a + b,
  min: Math.min,
  max: Math.max,
  first: (a) => a,
}

/** Metrics of one name and one schema, added up by their aggregator. */
class Family {
  readonly #metric: Metric
  readonly #combine: Combine | undefined
  readonly #series = new Map<string, Series>()

  constructor(metric: Metric) {
    this.#metric = metric
    // Of one that we do not know, as prom-client does it: an aggregator that a release adds is no reason to fail.
    this.#combine = metric.aggregator === 'omit' ? undefined : (COMBINE[metric.aggregator] ?? COMBINE.sum)
  }

  add(values: readonly MetricValue[]): void {
    if (this.#combine === undefined) return
    for (const value of values) {
      if (typeof value.value !== 'number') continue
      const key = seriesKey(value)
      const series = this.#series.get(key)
      if (series === undefined) {
        this.#series.set(key, { value: { ...value }, count: 1 })
      } else {
        series.value.value = this.#combine(series.value.value, value.value)
        series.count++
      }
    }
  }

  /** Undefined: there is nothing to show. */
  get metric(): Metric | undefined {
    if (this.#combine === undefined) return undefined
    const isAverage = this.#metric.aggregator === 'average'
    const values = Array.from(this.#series.values(), ({ value, count }) =>
      isAverage ? { ...value, value: value.value / count } : value,
    )
    return { ...this.#metric, values }
  }
}

function seriesKey({ labels, metricName = '' }: MetricValue): string {
  const names = Object.keys(labels)
  if (names.length > 1) names.sort()
  let key = metricName
  for (const name of names) key += `\0${name}\0${labels[name]}`
  return key
}

/** What the metrics of the dead come to: those of one name and different schemas are kept apart. */
export class KeptSums {
  readonly #families = new Map<string, Family>()

  add(metrics: readonly Metric[]): void {
    for (const metric of metrics) {
      const key = `${metric.name}\0${schemaOf(metric)}`
      let family = this.#families.get(key)
      if (family === undefined) {
        family = new Family(metric)
        this.#families.set(key, family)
      }
      family.add(metric.values)
    }
  }

  get metrics(): Metric[] {
    return [...this.#families.values()].flatMap((family) => family.metric ?? [])
  }
}

/**
 * What is shown: one metric for each name. The first that is added of a name says what it is like; give the newest
 * first. Of the same type with other buckets, counts go to the next higher bucket that is shown: sums and
 * counts stay exact, and no bucket claims what it cannot know. Of another type, it is left out.
 */
export class ShownSums {
  readonly #families = new Map<string, { family: Family; type: string; schema: string; bounds: number[] }>()
  readonly #tell: (name: string, what: string) => void

  /** @param tell hears of what does not fit, by the name of the metric */
  constructor(tell: (name: string, what: string) => void) {
    this.#tell = tell
  }

  add(metrics: readonly Metric[]): void {
    for (const metric of metrics) this.#add(metric)
  }

  #add(metric: Metric): void {
    const { name, type, aggregator } = metric
    const schema = schemaOf(metric)
    const shown = this.#families.get(name)
    if (shown === undefined) {
      const family = new Family(metric)
      family.add(metric.values)
      this.#families.set(name, { family, type, schema, bounds: boundsOf(metric) })
    } else if (shown.schema === schema) {
      shown.family.add(metric.values)
    } else if (shown.type !== type) {
      this.#tell(name, `a ${type} of some workers is left out, because it is a ${shown.type} of newer ones`)
    } else if (type === 'histogram' && shown.schema.startsWith(`${type} ${aggregator} `)) {
      this.#tell(name, 'workers have different buckets; some counts are shown in the next higher bucket')
      shown.family.add(rebucketed(metric, shown.bounds))
    } else {
      this.#tell(name, `workers have different aggregators; the '${aggregator}' of some is left out`)
    }
  }

  get metrics(): Metric[] {
    return Array.from(this.#families.values(), ({ family }) => family.metric).filter(
      (metric) => metric !== undefined,
    )
  }
}

function rebucketed(metric: Metric, bounds: readonly number[]): MetricValue[] {
  const others: MetricValue[] = []
  const groups = new Map<string, MetricValue[]>()
  for (const value of metric.values) {
    if (value.labels.le === undefined) {
      others.push(value)
      continue
    }
    const { le: _, ...labels } = value.labels
    const key = seriesKey({ ...value, labels })
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [value])
    else group.push(value)
  }
  return [...others, ...Array.from(groups.values(), (group) => inBuckets(group, bounds)).flat()]
}

/** Cumulative counts at other bounds: at each the most that is known to lie below it. */
function inBuckets(group: MetricValue[], bounds: readonly number[]): MetricValue[] {
  const known = group.map((value) => ({ bound: boundOf(value.labels.le!), value }))
  known.sort((a, b) => a.bound - b.bound)
  return bounds.map((bound) => {
    const below = known.findLast((one) => one.bound <= bound)
    const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : bound
    const { value } = below ?? known[0]!
    return { ...value, labels: { ...value.labels, le }, value: below === undefined ? 0 : value.value }
  })
}
