// What living workers cost, read by the reader from /proc: workers do nothing for it. One read a process, all in one native
// call; processes of another pid namespace, where pids mean others, have none.

import { uptime } from 'node:os'
import { HIDDEN_STATE, type NativeBoard, native, STAT_NUMBERS, StatField } from '../binding'
import { isFrozen } from './frozen'
import { MISSED_BEATS } from './hearts'
import type { Vitals, WorkerEntry } from './types'

/** The kernel counts in hundredths of a second: over less than this, a percentage is noise. */
const LEAST_ELAPSED_MS = 200

interface Sample {
  start: number
  cpuMs: number
  at: number
  percent: number
}

export class VitalsReader {
  readonly #board: NativeBoard
  /** By pid and thread: what the newest percentage was made of. */
  #samples = new Map<string, Sample>()

  constructor(board: NativeBoard) {
    this.#board = board
  }

  /** Gives each of the living that can be asked about its `vitals`. */
  addTo(workers: readonly WorkerEntry[]): void {
    const asked = workers.filter(
      ({ state, pidNamespace, processStart }) =>
        state === 'live' && pidNamespace === native.pidNamespace && pidNamespace !== 0 && processStart !== 0,
    )
    const wanted = new Float64Array(asked.length * 2)
    const found = new Float64Array(asked.length * STAT_NUMBERS)
    asked.forEach((worker, at) => {
      wanted[2 * at] = worker.pid
      wanted[2 * at + 1] = this.#threadOf(worker)
    })
    native.processStats(wanted, found)
    const samples = new Map<string, Sample>()
    asked.forEach((worker, at) => {
      const stat = found.subarray(at * STAT_NUMBERS, (at + 1) * STAT_NUMBERS)
      const thread = wanted[2 * at + 1]!
      // A thread has a start of its own; its process is asked about by those on the main thread.
      const isIts = stat[StatField.startTicks] === worker.processStart || thread !== 0
      if (stat[StatField.state] === 0 || stat[StatField.state] === HIDDEN_STATE || !isIts) return
      const key = `${worker.pid}.${thread}`
      const sample = this.#sample(this.#samples.get(key), stat)
      samples.set(key, sample)
      worker.vitals = vitalsOf(stat, sample.percent)
      if (seemsStuck(worker) && isFrozen(worker.pid)) worker.vitals.procState = 'F'
    })
    this.#samples = samples
  }

  /** 0: the whole process. */
  #threadOf({ threadId, slot, epoch }: WorkerEntry): number {
    return threadId === 0 ? 0 : (this.#board.inspection(slot, epoch)?.kernelThread ?? 0)
  }

  #sample(before: Sample | undefined, stat: Float64Array): Sample {
    const start = stat[StatField.startTicks]!
    const cpuMs = stat[StatField.cpuMs]!
    const at = performance.now()
    if (before === undefined || before.start !== start) {
      // Nobody has looked before: over all of its life, as `ps` has it.
      const ageMs = uptime() * 1000 - (start / native.ticksPerSecond) * 1000
      return { start, cpuMs, at, percent: percentOf(cpuMs, Math.max(ageMs, LEAST_ELAPSED_MS)) }
    }
    const elapsedMs = at - before.at
    if (elapsedMs < LEAST_ELAPSED_MS) return before
    return { start, cpuMs, at, percent: percentOf(cpuMs - before.cpuMs, elapsedMs) }
  }
}

/** Only of these more is asked: of most it would be a waste. */
function seemsStuck({ vitals, heartbeatAgeMs = 0, heartbeatMs = Infinity }: WorkerEntry): boolean {
  return (
    vitals?.procState === 'D' || (vitals?.procState === 'S' && heartbeatAgeMs > MISSED_BEATS * heartbeatMs)
  )
}

function percentOf(cpuMs: number, elapsedMs: number): number {
  return Math.max(0, Math.round((cpuMs / elapsedMs) * 1000) / 10)
}

function vitalsOf(stat: Float64Array, cpuPercent: number): Vitals {
  return {
    cpuPercent,
    cpuMs: stat[StatField.cpuMs]!,
    rssBytes: stat[StatField.rssBytes]!,
    threads: stat[StatField.threads]!,
    procState: String.fromCharCode(stat[StatField.state]!),
  }
}
