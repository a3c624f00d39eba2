// What is written down about each attempt: a line of the job log, and what a command answered.

import { closeSync, fstatSync, openSync } from 'node:fs'
import { hostname } from 'node:os'
import { jsonItem } from '../../parse/items'
import { CliError, EXIT } from '../../support/exit-codes'
import { useFile } from '../../support/file-errors'
import { shellQuoted } from './command-line'
import { writeAll } from './spool'

export interface AttemptRecord {
  readonly item: unknown
  readonly id: string
  readonly attempt: number
  readonly words: readonly (string | Uint8Array)[]
  /** In milliseconds since the Unix epoch. */
  readonly startedAt: number
  readonly runtimeMs: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly code: number
  readonly signal: number
  /** `timeout` and the like, where it was not the command that ended itself. */
  readonly reason?: string
  /** What it was doing when it had run out of time, for people. */
  readonly stack?: string
}

const HEADER = 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand'

/** GNU parallel's columns, or JSON lines. Appends to what is there. */
export class JobLog {
  readonly #path: string
  readonly #file: number
  readonly #isJson: boolean
  #seq = 0

  constructor(path: string, isJson: boolean) {
    this.#path = path
    this.#file = useFile('--joblog', path, () => openSync(path, 'a'))
    this.#isJson = isJson
    if (!isJson && fstatSync(this.#file).size === 0) this.#write(HEADER)
  }

  add(record: AttemptRecord): void {
    const seq = ++this.#seq
    this.#write(this.#isJson ? jsonLine(seq, record) : tableLine(seq, record))
  }

  #write(line: string): void {
    try {
      writeAll(this.#file, Buffer.from(`${line}\n`))
    } catch (error) {
      throw new CliError(EXIT.io, `cannot write the job log ${this.#path}: ${(error as Error).message}`)
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

function tableLine(seq: number, record: AttemptRecord): string {
  const { startedAt, runtimeMs, sentBytes, receivedBytes, code, signal, words, reason } = record
  const times = [(startedAt / 1000).toFixed(3), (Math.ceil(runtimeMs) / 1000).toFixed(3).padStart(10)]
  // As there: what ended by a signal has no exit value, and what ran out of time has none that counts.
  const end = [reason === 'timeout' ? -1 : signal > 0 ? 0 : code, signal]
  const command = shellQuoted(words).replace(/[\t\n]/g, ' ')
  return [seq, hostname(), ...times, sentBytes, receivedBytes, ...end, command].join('\t')
}

function jsonLine(seq: number, record: AttemptRecord): string {
  const { item, words, startedAt, runtimeMs, ...rest } = record
  const command = shellQuoted(words)
  const times = { startedAt: new Date(startedAt).toISOString(), seconds: runtimeMs / 1000 }
  return JSON.stringify({ seq, host: hostname(), ...rest, ...times, item: jsonItem(item), command })
}

const MAX_RESULT = 64 * 1024

/** The beginning of what one command wrote to its standard output. */
export class Answer {
  #pieces: Buffer[] = []
  #length = 0
  #whole = 0

  add(bytes: Buffer): void {
    this.#whole += bytes.length
    const room = MAX_RESULT - this.#length
    if (room <= 0) return
    const piece = Buffer.from(bytes.subarray(0, room))
    this.#pieces.push(piece)
    this.#length += piece.length
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces)
  }

  get isCut(): boolean {
    return this.#whole > this.#length
  }
}

/** JSON lines: what each item answered. */
export class ResultsFile {
  readonly #file: number

  constructor(path: string) {
    const isFolder = '; --log-dir keeps the output of each item in files of a directory'
    this.#file = useFile('--results', path, () => openSync(path, 'a'), isFolder)
  }

  add({ id, item, attempt, code, signal }: AttemptRecord, answer: Answer): void {
    const output = answer.bytes.toString()
    const cut = answer.isCut ? { cut: true } : {}
    const line = {
      id,
      item: jsonItem(item),
      attempt,
      code,
      ...(signal > 0 ? { signal } : {}),
      output,
      ...cut,
    }
    writeAll(this.#file, Buffer.from(`${JSON.stringify(line)}\n`))
  }

  close(): void {
    closeSync(this.#file)
  }
}
