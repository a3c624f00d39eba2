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
  /** Whether one process measured both sides in turns. */
  paired: boolean
  /** The median of the rounds' ratios (or values), the least and the largest. */
  value?: number
  low?: number
  high?: number
  verdict: 'meets' | 'misses' | 'not measured' | 'no bar' | 'not judged'
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
  const { values, unit } = measurement
  if (values.length === 0) throw new Error('it measured nothing')
  result.unit = unit
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
  if (atMost === undefined && atLeast === undefined) return '-'
  return atMost === undefined ? `>= ${atLeast}${unit}` : `<= ${atMost}${unit}`
}

/** The ratio, or the value, in each round, from the trials' own rounds. */
function roundValues({ of, by }: Bar, trials: readonly TrialResult[]): number[] {
  const roundsOf = (name: string) => trials.find((trial) => trial.name === name)?.rounds ?? []
  const divisors = by === undefined ? undefined : roundsOf(by)
  return roundsOf(of).flatMap((round, i) => {
    const divisor = divisors === undefined ? 1 : divisors[i]?.median
    return round === undefined || divisor === undefined ? [] : [round.median / divisor]
  })
}

/**
 * @param paired the ratio in each round, where it was measured by itself
 * @param isKept whether this run keeps the conditions that the bar is about
 */
export function judge(
  bar: Bar,
  trials: readonly TrialResult[],
  paired: number[] | undefined,
  isKept = true,
): BarResult {
  const values = paired ?? roundValues(bar, trials)
  const described = { what: bar.what, bar: describeBar(bar), paired: paired !== undefined }
  if (values.length === 0) return { ...described, verdict: 'not measured' }
  const value = median(values)
  const { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = bar
  const isBound = bar.atMost !== undefined || bar.atLeast !== undefined
  const isMet = value <= atMost && value >= atLeast
  return {
    ...described,
    value,
    low: Math.min(...values),
    high: Math.max(...values),
    verdict: !isBound ? 'no bar' : !isKept ? 'not judged' : isMet ? 'meets' : 'misses',
  }
}
