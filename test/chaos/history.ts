// What happened in a round: every process writes down what it was answered, line by line and at once,
// so that nothing is lost when it is killed. Times are milliseconds of the system's monotonic clock,
// which all processes of a machine share and no clock jump moves.

import fs from 'node:fs'
import path from 'node:path'

export type HistoryRecord =
  // A producer.
  | { op: 'adding'; items: string[]; priority?: number; delayMs?: number }
  | { op: 'added'; items: string[] }
  /** Nothing of it was carried out. */
  | { op: 'refused'; items: string[]; code: string }
  // A worker. A life is one timer.
  | { op: 'timer'; timer: string; pid: number }
  | { op: 'leased'; timer: string; item: string; attempt: number; fence: string; askedAt: number }
  /** Nobody is to have it again so soon. */
  | { op: 'nacking'; timer: string; item: string; fence: string; delayMs: number }
  | { op: 'acking'; timer: string; item: string; fence: string }
  | { op: 'acked'; timer: string; item: string; fence: string }
  /** ERR_LEASE_LOST: this lease did not ack it. */
  | { op: 'lost'; timer: string; item: string; fence: string }
  | { op: 'gave-back'; timer: string; item: string; how: 'nack' | 'release' }
  | { op: 'ended'; timer: string }
  /** Its handle is closed next, and nobody said that it ended. */
  | { op: 'abandoned'; timer: string }
  /** Of a queue that comes after the other one. */
  | { op: 'followed'; item: string }
  // A manager. A subscription is one call of events().
  | { op: 'subscribed'; subscription: string }
  | { op: 'event'; subscription: string; type: string; timer?: string; item?: string }
  | { op: 'unsubscribed'; subscription: string }
  | { op: 'seen'; askedAt: number; timers: [id: string, state: string][] }
  // A fleet: a worker that has published, an agent that others see or that is about to be killed, and what a viewer was told.
  | { op: 'born'; machine: string; worker: string }
  | { op: 'killing'; worker: string }
  | { op: 'up' | 'down'; machine: string }
  | { op: 'viewing' }
  | { op: 'told'; what: string; machine: string; worker?: string }
  /** What a viewer sees at the end, by machine: its state, then its living workers. */
  | { op: 'view'; machines: Record<string, string[]> }
  // Anybody.
  | { op: 'failed'; what: string; code: string; message: string }
  // Whoever does the damage.
  | { op: 'fault'; kind: FaultKind; pid?: number; until?: number }
  | { op: 'quiet' }
  /** Of a queue that keeps them: those of one item are each on the list. */
  | { op: 'results'; results: [item: string, result: string][] }
  | { op: 'result'; done: number; dead: number; total: number; deadItems: string[] }

export type FaultKind = 'kill' | 'stop' | 'cut' | 'server' | 'clock' | 'disk'

export type Recorded = HistoryRecord & { t: number; by: string }

export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export class History {
  readonly #file: number
  readonly #by: string

  constructor(directory: string, by: string) {
    this.#by = by
    this.#file = fs.openSync(path.join(directory, `${by}.jsonl`), 'a')
  }

  write(record: HistoryRecord): void {
    const line = JSON.stringify({ t: monotonicMs(), by: this.#by, ...record })
    fs.writeSync(this.#file, `${line}\n`)
  }
}

/** Everything that was written below `directory`, in order of time. */
export function readHistory(directory: string): Recorded[] {
  const records: Recorded[] = []
  for (const name of fs.readdirSync(directory)) {
    for (const line of fs.readFileSync(path.join(directory, name), 'utf8').split('\n')) {
      if (line === '') continue
      // The last line of a killed process may be half.
      if (line.endsWith('}')) records.push(JSON.parse(line))
    }
  }
  return records.sort((a, b) => a.t - b.t)
}
