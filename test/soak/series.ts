// What was measured again and again in a soak, and whether it stayed flat: the median of the last quarter of
// the samples is no more than a little above that of the second quarter. The first quarter is for warming up.

export interface Verdict {
  readonly name: string
  /** Medians of the second and of the last quarter. */
  readonly early: number
  readonly late: number
  readonly most: number
  readonly isFlat: boolean
}

/** Growth that is no growth: of the value, and in its own unit. */
const SHARE = 1.1
const SLACK = 3

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}

export class Series {
  readonly samples: { seconds: number; values: Readonly<Record<string, number>> }[] = []
  /** The newest of each number that grows by design. */
  readonly counts: Record<string, number> = {}

  add(seconds: number, values: Readonly<Record<string, number>>): void {
    this.samples.push({ seconds, values })
  }

  count(name: string, total: number): void {
    this.counts[name] = total
  }

  /** @throws {RangeError} fewer than eight samples say nothing */
  verdicts(): Verdict[] {
    const { samples } = this
    if (samples.length < 8) throw new RangeError(`${samples.length} samples are too few to say what grows`)
    return Object.keys(samples[0]!.values).map((name) => {
      const values = samples.map((one) => one.values[name]!)
      const quarter = Math.floor(values.length / 4)
      const early = median(values.slice(quarter, 2 * quarter))
      const late = median(values.slice(-quarter))
      return { name, early, late, most: Math.max(...values), isFlat: late <= early * SHARE + SLACK }
    })
  }
}
