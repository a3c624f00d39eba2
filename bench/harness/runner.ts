// Runs rows: sets the stage, then lets the trials take turns, each in a new process, for some
// rounds. The machine gets slower and faster while a run lasts; taking turns lets that hit all alike.

import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { median } from '../measure'
import { RIVALS, type RivalName, type Service } from '../rivals'
import { type Cores, ended, nextMessage, startNode, stop } from './machine'
import { TRIAL_PROGRAM } from './paths'
import type { Bar, Measurement, Row, Stage, Subject, Trial, TrialParams } from './plan'
import { addRound, judge, type RowResult, type TrialResult } from './results'
import type { TrialAnswer } from './trial'

/** Nothing takes nearly as long; a trial that hangs must not take the run with it. */
const TRIAL_LIMIT_MS = 120_000

export interface RunOptions {
  /** Where boards and rivals' files are made. */
  directory: string
  /** How often each trial runs. */
  rounds: number
  /** How often the two sides of a bar take turns in a process. */
  pairRounds: number
  /** How long a trial measures, in milliseconds. */
  budgetMs: number
  quick: boolean
  rivals: boolean
  cores: Cores
  /** Progress, for somebody who waits. */
  say: (text: string) => void
}

export class Runner {
  readonly #options: RunOptions
  readonly #services = new Map<RivalName, Service>()
  /** By rival: what it is; or an Error that says what is missing. */
  readonly #rivals = new Map<RivalName, string | Error>()
  #stage: Stage | undefined
  #child: ChildProcess | undefined
  #directories = 0
  #isClosed = false

  constructor(options: RunOptions) {
    this.#options = options
  }

  /** What each rival was that somebody asked for. */
  get rivals(): Record<string, string> {
    const described = [...this.#rivals].map(([name, what]) => {
      return [name, what instanceof Error ? `absent: ${what.message}` : what]
    })
    return Object.fromEntries(described)
  }

  async run(subject: Subject, row: Row): Promise<RowResult> {
    const { quick, rivals } = this.#options
    const trials = row.trials.filter(({ role }) => rivals || role !== 'rival')
    const result: RowResult = {
      subject: subject.name,
      id: row.id,
      what: row.what,
      notes: [...(row.notes ?? [])],
      trials: trials.map((trial) => this.#emptyResult(trial)),
      bars: [],
    }
    const paired = new Map<Bar, number[]>()
    try {
      this.#options.say(`${subject.name} ${row.id}: getting ready`)
      this.#stage = await row.stage?.({ dir: this.#newDirectory(), quick })
      result.notes.push(...(this.#stage?.notes ?? []))
      await this.#takeTurns(subject, row, trials, result)
      await this.#pair(subject, row, result, paired)
    } catch (error) {
      if (this.#isClosed) throw error
      for (const one of result.trials) {
        one.absent ??= messageOf(error)
        one.failed = true
      }
    } finally {
      await this.#leaveStage()
    }
    const isKept = !quick || row.quickly === undefined
    if (!isKept) result.notes.push(`not judged: with --quick there are ${row.quickly}`)
    result.bars = row.bars.map((bar) => judge(bar, result.trials, paired.get(bar), isKept))
    return result
  }

  /** Ends whatever it started. A run that goes on then fails. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#child !== undefined) await stop(this.#child)
    await this.#leaveStage()
    for (const service of this.#services.values()) await service.close()
    this.#services.clear()
  }

  async #leaveStage(): Promise<void> {
    const stage = this.#stage
    this.#stage = undefined
    await stage?.close()
  }

  #emptyResult(trial: Trial): TrialResult {
    const result: TrialResult = { name: trial.name, role: trial.role, rounds: [] }
    const rival = trial.rival === undefined ? undefined : this.#describeRival(trial.rival)
    if (rival instanceof Error) result.absent = rival.message
    return result
  }

  #describeRival(name: RivalName): string | Error {
    let what = this.#rivals.get(name)
    if (what !== undefined) return what
    try {
      what = RIVALS[name].describe({ mayInstall: !this.#options.quick })
    } catch (error) {
      what = error instanceof Error ? error : new Error(String(error))
    }
    this.#rivals.set(name, what)
    return what
  }

  async #takeTurns(subject: Subject, row: Row, trials: readonly Trial[], { trials: results }: RowResult) {
    const rounds = row.rounds ?? this.#options.rounds
    const pairs = trials.map((trial, i) => ({ trial, result: results[i]! }))
    for (let round = 0; round < rounds; round++) {
      // Forwards and backwards, so that nobody always follows the same neighbour.
      for (const { trial, result } of round % 2 === 0 ? pairs : pairs.toReversed()) {
        if (result.absent !== undefined) continue
        this.#options.say(`${subject.name} ${row.id}: round ${round + 1} of ${rounds}, ${trial.name}`)
        try {
          const service = await this.#serviceOf(trial)
          addRound(result, round, await this.#measure(['trial', subject.name, row.id, trial.name], service))
        } catch (error) {
          if (this.#isClosed) throw error
          result.absent = messageOf(error)
          result.failed = true
        }
      }
    }
  }

  /** Measures the ratios of the bars whose sides one process can time in turns. */
  async #pair(subject: Subject, row: Row, result: RowResult, paired: Map<Bar, number[]>): Promise<void> {
    const roundsOf = ({ processes = 1 }: Bar) => processes * this.#options.pairRounds
    for (let round = 0; round < Math.max(0, ...row.bars.map(roundsOf)); round++) {
      for (const bar of row.bars) {
        if (round >= roundsOf(bar) || !isPaired(bar, row.trials, result.trials)) continue
        this.#options.say(`${subject.name} ${row.id}: round ${round + 1}, ${bar.what}`)
        const { values } = await this.#measure(['bar', subject.name, row.id, bar.what], {})
        paired.set(bar, [...(paired.get(bar) ?? []), median(values)])
      }
    }
  }

  async #measure(what: string[], service: Record<string, unknown>): Promise<Measurement> {
    const { budgetMs, quick, cores } = this.#options
    const dir = this.#newDirectory()
    const params: TrialParams = {
      dir,
      budgetMs,
      quick,
      otherCore: cores.other,
      stage: { ...this.#stage?.params, ...service },
    }
    const child = startNode(TRIAL_PROGRAM, [...what, JSON.stringify(params)], cores.trial)
    this.#child = child
    const limit = setTimeout(() => child.kill('SIGKILL'), TRIAL_LIMIT_MS)
    try {
      const answer = await nextMessage<TrialAnswer>(child)
      await ended(child)
      if (!answer.ok) throw new Error(answer.error)
      return answer as Measurement
    } finally {
      clearTimeout(limit)
      await stop(child)
      this.#child = undefined
      fs.rmSync(dir, { recursive: true, force: true })
    }
  }

  /** Starts a rival's server when it is first needed. */
  async #serviceOf(trial: Trial): Promise<Record<string, unknown>> {
    const name = trial.rival
    if (name === undefined || RIVALS[name].start === undefined) return {}
    let service = this.#services.get(name)
    if (service === undefined) {
      service = await RIVALS[name].start(this.#newDirectory())
      this.#services.set(name, service)
    }
    return service.params
  }

  #newDirectory(): string {
    if (this.#isClosed) throw new Error('interrupted')
    const directory = path.join(this.#options.directory, String(this.#directories++))
    fs.mkdirSync(directory, { mode: 0o700 })
    return directory
  }
}

/** Whether both sides are there and can be called again and again. */
function isPaired(bar: Bar, trials: readonly Trial[], results: readonly TrialResult[]): boolean {
  return [bar.of, bar.by].every((name) => {
    const isThere = results.some((result) => result.name === name && result.absent === undefined)
    const canTakeTurns = trials.some((trial) => trial.name === name && trial.prepare !== undefined)
    return isThere && (canTakeTurns || bar.ratios !== undefined)
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n    at ', 1)[0]! : String(error)
}
