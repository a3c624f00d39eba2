// What comes out of a run, and how medians, ratios and verdicts are made of it.

import { median, quantile } from '../measure'
import type { Conditions } from './conditions'
import type { Bar, Measurement, Trial, Unit } from './plan'

/** One round of one trial. */
export interface Round {
  median: number
  p99: number
  min: number
  samples: number
}

export interface TrialResult {
  name: string
  role: Trial['role']
  unit?: Unit
  /** By round; undefined where it was not run, or failed. */
  rounds: (Round | undefined)[]
  /** Medians over the rounds, and the least of all. */
  median?: number
  p99?: number
  min?: number
  /** Why there are no figures. */
  absent?: string
  /** That something went wrong, instead of merely not being there. */
  failed?: boolean
}

export interface BarResult {
  what: string
  bar: string
  /** The median of the rounds' ratios (or values), the least and the largest. */
  value?: number
  low?: number
  high?: number
  verdict: 'meets' | 'misses' | 'not measured'
}

export interface RowResult {
  subject: string
  id: string
  what: string
  notes: string[]
  trials: TrialResult[]
  bars: BarResult[]
}

export interface RunResult {
  conditions: Conditions
  rivals: Record<string, string>
  rows: RowResult[]
}

export function addRound(result: TrialResult, round: number, measurement: Measurement): void {
  const { values, unit, name } = measurement
  if (values.length === 0) throw new Error('it measured nothing')
  result.unit = unit
  if (name !== undefined) result.name = name
  result.rounds[round] = {
    median: median(values),
    p99: quantile(values, unit === 'ops/s' ? 0.01 : 0.99),
    min: Math.min(...values),
    samples: values.length,
  }
  const rounds = result.rounds.filter((one) => one !== undefined)
  result.median = median(rounds.map((one) => one.median))
  result.p99 = median(rounds.map((one) => one.p99))
  result.min = Math.min(...rounds.map((one) => one.min))
}

function describeBar({ atMost, atLeast, by }: Bar): string {
  const unit = by === undefined ? '' : ' x'
  return atMost === undefined ? `>= ${atLeast}${unit}` : `<= ${atMost}${unit}`
}

/**
 * Ratios are made inside a round, where both sides had the same machine, and only then put together.
 */
export function judge(bar: Bar, trials: readonly { trial: Trial; result: TrialResult }[]): BarResult {
  const roundsOf = (name: string) => trials.find(({ trial }) => trial.name === name)?.result.rounds ?? []
  const of = roundsOf(bar.of)
  const by = bar.by === undefined ? undefined : roundsOf(bar.by)
  const values = of.flatMap((round, i) => {
    const divisor = by === undefined ? 1 : by[i]?.median
    return round === undefined || divisor === undefined ? [] : [round.median / divisor]
  })
  const described = { what: bar.what, bar: describeBar(bar) }
  if (values.length === 0) return { ...described, verdict: 'not measured' }
  const value = median(values)
  const meets =
    value <= (bar.atMost ?? Number.POSITIVE_INFINITY) && value >= (bar.atLeast ?? Number.NEGATIVE_INFINITY)
  return {
    ...described,
    value,
    low: Math.min(...values),
    high: Math.max(...values),
    verdict: meets ? 'meets' : 'misses',
  }
}
