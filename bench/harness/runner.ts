// Runs rows: sets the stage, then lets the trials take turns, each in a new process, for some
// rounds. The machine gets slower and faster while a run lasts; taking turns lets that hit all alike.

import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { RIVALS, type RivalName, type Service } from '../rivals'
import { type Cores, ended, nextMessage, startNode, stop } from './machine'
import { TRIAL_PROGRAM } from './paths'
import type { Measurement, Row, Stage, Subject, Trial, TrialParams } from './plan'
import { addRound, judge, type RowResult, type TrialResult } from './results'
import type { TrialAnswer } from './trial'

/** Nothing takes nearly as long; a trial that hangs must not take the run with it. */
const TRIAL_LIMIT_MS = 120_000

export interface RunOptions {
  /** Where boards and rivals' files are made. */
  directory: string
  rounds: number
  /** In how many of them rivals take part. */
  rivalRounds: number
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
    const trials = row.trials
      .filter(({ role }) => rivals || role !== 'rival')
      .map((trial) => ({ trial, result: this.#emptyResult(trial) }))
    const result: RowResult = {
      subject: subject.name,
      id: row.id,
      what: row.what,
      notes: [...(row.notes ?? [])],
      trials: trials.map(({ result }) => result),
      bars: [],
    }
    try {
      this.#options.say(`${subject.name} ${row.id}: getting ready`)
      const dir = this.#newDirectory()
      this.#stage = await row.stage?.({ dir, quick })
      result.notes.push(...(this.#stage?.notes ?? []))
      await this.#takeTurns(subject, row, trials)
    } catch (error) {
      for (const one of result.trials) one.absent ??= messageOf(error)
      for (const one of result.trials) one.failed = true
    } finally {
      await this.#leaveStage()
    }
    result.bars = row.bars.map((bar) => judge(bar, trials))
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
      what = RIVALS[name].describe()
    } catch (error) {
      what = error instanceof Error ? error : new Error(String(error))
    }
    this.#rivals.set(name, what)
    return what
  }

  async #takeTurns(
    subject: Subject,
    row: Row,
    trials: readonly { trial: Trial; result: TrialResult }[],
  ): Promise<void> {
    const rounds = row.rounds ?? this.#options.rounds
    for (let round = 0; round < rounds; round++) {
      // Forwards and backwards, so that nobody always follows the same neighbour.
      const order = round % 2 === 0 ? trials : [...trials].reverse()
      for (const { trial, result } of order) {
        if (result.absent !== undefined) continue
        if (trial.role === 'rival' && round >= this.#options.rivalRounds) continue
        this.#options.say(`${subject.name} ${row.id}: round ${round + 1} of ${rounds}, ${trial.name}`)
        try {
          addRound(result, round, await this.#measure(subject, row, trial))
        } catch (error) {
          if (this.#isClosed) throw error
          result.absent = messageOf(error)
          result.failed = true
        }
      }
    }
  }

  async #measure(subject: Subject, row: Row, trial: Trial): Promise<Measurement> {
    const { budgetMs, quick, cores } = this.#options
    const dir = this.#newDirectory()
    const params: TrialParams = {
      dir,
      budgetMs,
      quick,
      otherCore: cores.other,
      stage: { ...this.#stage?.params, ...(await this.#serviceOf(trial)) },
    }
    const args = [subject.name, row.id, trial.name, JSON.stringify(params)]
    const child = startNode(TRIAL_PROGRAM, args, cores.trial)
    this.#child = child
    const limit = setTimeout(() => child.kill('SIGKILL'), TRIAL_LIMIT_MS)
    try {
      const answer = await nextMessage<TrialAnswer>(child)
      await ended(child)
      if (!answer.ok) throw new Error(answer.error)
      return answer.measurement as Measurement
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n    at ', 1)[0]! : String(error)
}
