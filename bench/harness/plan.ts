// What a benchmark consists of. A subject has rows; a row sets several trials that do the same
// job side by side; a trial runs in a process of its own and gives numbers; bars say what the
// ratio of two trials must be.

import type { RivalName } from '../rivals'

export type Unit = 'ns' | 'us' | 'ms' | 'bytes' | 'nodes' | 'requests' | 'ops/s'

/** What a trial gives back. `ops/s` is better when larger, everything else when smaller. */
export interface Measurement {
  unit: Unit
  values: number[]
}

/** What a trial is told. It crosses a process border, so it is plain data. */
export interface TrialParams {
  /** An empty directory of this trial alone, on the file system under test. */
  dir: string
  /** How long to measure, in milliseconds. */
  budgetMs: number
  /** Whether somebody is waiting for the prompt. */
  quick: boolean
  /** For a helper process that must not disturb the trial; undefined: there is only one core, or no way to choose. */
  otherCore: number | undefined
  /** What the row's stage and the rival's server have to say. */
  stage: Record<string, unknown>
}

/** Something that can be called again and again, ready to be timed. */
export interface Prepared {
  /** Makes so many calls in a loop of its own. */
  batch(calls: number): void
  unit: Unit
  /** Turns nanoseconds per call into `unit`. Default 1. */
  factor?: number
  close?(): void
}

/** Either `prepare`, where calls can be timed one after the other, or `run`. */
export interface Trial {
  /** Unique within its row. */
  name: string
  /** `floor`: as fast as it could possibly be. `ours`: judged by the bars. `rival`: what people use instead. */
  role: 'floor' | 'ours' | 'rival'
  /** Whose package or server it needs. */
  rival?: RivalName
  prepare?(params: TrialParams): Prepared
  run?(params: TrialParams): Measurement | Promise<Measurement>
}

/**
 * A bound on one trial, or on the ratio of two of one row. Where both can be prepared, one process
 * times them in turns of a few microseconds: a shared machine changes its speed by a factor of two,
 * several times a second. Otherwise it is the ratio of their medians in the same round. Without `atMost` and
 * `atLeast` it is shown beside the others and judges nothing.
 */
export interface Bar {
  what: string
  of: string
  /** Divided by this one; without it, `of` itself is judged, in its own unit. */
  by?: string
  atMost?: number
  atLeast?: number
  /**
   * Times as many processes take turns, where one differs from the next by more than the bar allows.
   *
   * @default 1
   */
  processes?: number
  /** Measures the ratio in a way of its own. */
  ratios?(params: TrialParams): Promise<number[]>
}

/** What the trials of a row need around them, for as long as they run: a crowd of workers, say. */
export interface Stage {
  params: Record<string, unknown>
  /** Said in the row's table. */
  notes: string[]
  close(): Promise<void>
}

export interface StageContext {
  /** An empty directory of this stage alone, on the file system under test. */
  dir: string
  quick: boolean
}

export interface Row {
  /** Unique within its subject. */
  id: string
  what: string
  trials: Trial[]
  bars: Bar[]
  notes?: string[]
  stage?: (context: StageContext) => Promise<Stage>
  /** Only when there is time. */
  slow?: boolean
  /** What `--quick` makes smaller, where the bars are about the larger: then nothing is judged. */
  quickly?: string
  /** How often each trial runs, instead of the run's own number. */
  rounds?: number
}

export interface Subject {
  name: string
  title: string
  rows: Row[]
}
