// The text that Prometheus scrapes, in its own format and in OpenMetrics. Written here, although prom-client
// can write it: that takes a registry for each scrape, says no units, and would have to be installed by everybody
// who only wants to be scraped.

/** OpenMetrics, or the older text format 0.0.4 of Prometheus. */
export type MetricsFormat = 'openmetrics' | 'text'

/** What to answer as `Content-Type`. */
export const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  text: 'text/plain; version=0.0.4; charset=utf-8',
}

export type Labels = Readonly<Record<string, string>>

export interface MetricFamily {
  /** Without the `_total` of a counter; ends with the unit when there is one. */
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  help: string
  unit?: string
  /** Those of a histogram say by `suffix` which of its series they are of. */
  samples: readonly (readonly [labels: Labels, value: number, suffix?: string])[]
}

/** OpenMetrics when a client's Accept header prefers it, as Prometheus does; the older text otherwise. */
export function metricsFormat(accept: string | undefined): MetricsFormat {
  let best: { format: MetricsFormat; quality: number } = { format: 'text', quality: 0 }
  for (const range of (accept ?? '').split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const format = formatOf(type!)
    const given = parameters.find((parameter) => parameter.startsWith('q='))
    const quality = given === undefined ? 1 : Number(given.slice(2)) || 0
    if (format !== undefined && quality > best.quality) best = { format, quality }
  }
  return best.format
}

function formatOf(type: string): MetricsFormat | undefined {
  if (type === 'application/openmetrics-text') return 'openmetrics'
  return type === 'text/plain' || type === 'text/*' || type === '*/*' ? 'text' : undefined
}

/** A name that Prometheus takes: what it does not take becomes an underscore. */
export function metricName(name: string): string {
  const taken = name.replace(/[^a-zA-Z0-9_]/g, '_')
  return /^[0-9]/.test(taken) ? `_${taken}` : taken
}

/** Families without samples are left out. */
export function exposition(families: readonly MetricFamily[], format: MetricsFormat): string {
  const lines: string[] = []
  for (const { name, type, help, unit, samples } of families) {
    if (samples.length === 0) continue
    const sampleName = type === 'counter' ? `${name}_total` : name
    // The older format knows a counter by the name of its samples.
    const familyName = format === 'openmetrics' ? name : sampleName
    lines.push(`# TYPE ${familyName} ${type}`)
    if (unit !== undefined && format === 'openmetrics') lines.push(`# UNIT ${familyName} ${unit}`)
    lines.push(`# HELP ${familyName} ${escapedHelp(help, format)}`)
    for (const [labels, value, suffix = ''] of samples) {
      lines.push(`${sampleName}${suffix}${labelText(labels)} ${valueText(value)}`)
    }
  }
  if (format === 'openmetrics') lines.push('# EOF')
  return `${lines.join('\n')}\n`
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapedLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapedLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapedHelp(help: string, format: MetricsFormat): string {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped
}

function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
