// The last two minutes in numbers: rates a second from sums that only grow, and the sparklines drawn
// from them.

import { perSecond } from '../view/rates'
import type { Sums } from './known-workers'

/** Two minutes, a sample a second. */
const HISTORY_LENGTH = 120
export const WINDOW_TEXT = '2 min'
export const SPARK_WIDTH = HISTORY_LENGTH - 1
export const SPARK_HEIGHT = 30

export interface Sample {
  /** A second. */
  updates: number
  requests: number
  bytes: number
  /** Workers that had something to do. */
  busy: number
}

export type SampleName = keyof Sample

export class History {
  readonly #samples: Sample[] = []
  #last: { sums: Sums; at: number } | undefined

  /** Takes a sample. The first one only says where to count from. */
  take(sums: Sums, busy: number, at = performance.now()): void {
    const last = this.#last
    this.#last = { sums, at }
    if (!last || at <= last.at) return
    const rate = (name: keyof Sums) => Math.max(0, perSecond(sums[name] - last.sums[name], at - last.at))
    this.#samples.push({ updates: rate('updates'), requests: rate('requests'), bytes: rate('bytes'), busy })
    if (this.#samples.length > HISTORY_LENGTH) this.#samples.shift()
  }

  /** The newest value; 0 while there is none. */
  now(name: SampleName): number {
    return this.#samples.at(-1)?.[name] ?? 0
  }

  peak(name: SampleName): number {
    return this.#samples.reduce((most, sample) => Math.max(most, sample[name]), 0)
  }

  /** All samples, the newest last: what the pointer asks for. */
  values(name: SampleName): number[] {
    return this.#samples.map((sample) => Number(sample[name].toFixed(1)))
  }

  /** The line of a sparkline, the newest sample at the right; nothing while there is none. */
  line(name: SampleName): string {
    const peak = this.peak(name)
    const first = HISTORY_LENGTH - this.#samples.length
    const points = this.#samples.map((sample, i) => {
      const height = peak > 0 ? (sample[name] / peak) * (SPARK_HEIGHT - 2) : 0
      return `${first + i} ${Number((SPARK_HEIGHT - 1 - height).toFixed(1))}`
    })
    return points.length === 0 ? '' : `M${points.join('L')}`
  }
}

/** The area under a line; the script of the page makes it in the same way. */
export function areaUnder(line: string): string {
  return line === '' ? '' : `${line}V${SPARK_HEIGHT}H${line.slice(1, line.indexOf(' '))}Z`
}
