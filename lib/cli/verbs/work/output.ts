// What becomes of the output of commands: written whole when a command ends, line by line as it comes, in the order
// of the list, or kept in files.

import { closeSync } from 'node:fs'
import { escapeControls } from '../../../view/escape-controls'
import { showItem } from '../../parse/items'
import { LogFolder } from './log-folder'
import type { Printer } from './printer'
import { Spool, type Stream, writeAll } from './spool'

export interface OutputFlags {
  group?: boolean
  lineBuffer?: boolean
  ungroup?: boolean
  tag?: boolean
  keepOrder?: boolean
  logDir?: string
}

/** The output of one attempt. */
export interface AttemptOutput {
  add(stream: Stream, bytes: Buffer): void
  /** The command has ended. `isFinal`: the item will not be tried again by this worker. Rejects where output is lost. */
  finish(isFinal: boolean): Promise<void>
  /** Of the item that is given back: as if it had never been tried. */
  discard(): void
}

export interface OutputTask {
  readonly item: unknown
  /** `<page>-<index>` */
  readonly id: string
  readonly attempt: number
}

/** A line that does not end is passed on in pieces of this size. */
const MAX_LINE = 1024 * 1024
const NEWLINE = 0x0a

export class Outputs {
  readonly #flags: OutputFlags
  readonly #printer: Printer
  readonly #ordered: OrderedOutputs | undefined
  readonly #folder: LogFolder | undefined

  constructor(flags: OutputFlags, printer: Printer) {
    this.#flags = flags
    this.#printer = printer
    if (flags.keepOrder) this.#ordered = new OrderedOutputs(printer)
    if (flags.logDir !== undefined) this.#folder = new LogFolder(flags.logDir)
  }

  /** Whether commands write where we do, so that nobody has to pass anything on. */
  get isDirect(): boolean {
    const { ungroup, tag, keepOrder, logDir } = this.#flags
    return (ungroup ?? false) && !tag && !keepOrder && logDir === undefined
  }

  /** For a command that starts now. */
  begin(task: OutputTask): AttemptOutput {
    const { tag, logDir, lineBuffer, ungroup, group, keepOrder } = this.#flags
    const prefix = tag ? Buffer.from(`${escapeControls(showItem(task.item))}\t`) : undefined
    const parts: AttemptOutput[] = []
    if (this.#folder !== undefined) parts.push(new FileOutput(this.#folder, task))
    const isShown = logDir === undefined || group || lineBuffer || keepOrder || tag
    if (isShown) {
      if (this.#ordered !== undefined) parts.push(this.#ordered.begin(task.id, prefix))
      else if (ungroup && !tag) parts.push(new PassedOutput(this.#printer))
      else if (lineBuffer || ungroup) parts.push(new LineOutput(this.#printer, prefix))
      else parts.push(new GroupedOutput(this.#printer, prefix))
    }
    return parts.length === 1 ? parts[0]! : new SeveralOutputs(parts)
  }

  /** What still waits for its turn has it now. */
  async flush(): Promise<void> {
    await this.#ordered?.flush()
    await this.#printer.flushed()
  }

  close(): void {
    this.#folder?.close()
  }
}

/** Keeps what may fail until somebody asks: output comes from the event loop, where nobody would catch it. */
class Trouble {
  #error: unknown
  #writing: Promise<void> = Promise.resolve()

  try(work: () => void): void {
    if (this.#error !== undefined) return
    try {
      work()
    } catch (error) {
      this.#error = error
    }
  }

  follow(writing: Promise<void>): void {
    this.#writing = Promise.all([this.#writing, writing]).then(() => {})
    this.#writing.catch((error) => {
      this.#error ??= error
    })
  }

  async settled(): Promise<void> {
    await this.#writing.catch(() => {})
    if (this.#error !== undefined) throw this.#error
  }
}

/** As it comes. */
class PassedOutput implements AttemptOutput {
  readonly #trouble = new Trouble()

  constructor(private readonly printer: Printer) {}

  add(stream: Stream, bytes: Buffer): void {
    this.#trouble.follow(this.printer.write(stream, bytes))
  }

  finish(): Promise<void> {
    return this.#trouble.settled()
  }

  discard(): void {}
}

/** Whole lines, as they come. */
class LineOutput implements AttemptOutput {
  readonly #trouble = new Trouble()
  readonly #rest: Record<Stream, Buffer[]> = { 1: [], 2: [] }
  readonly #length: Record<Stream, number> = { 1: 0, 2: 0 }

  constructor(
    private readonly printer: Printer,
    private readonly prefix: Buffer | undefined,
  ) {}

  add(stream: Stream, bytes: Buffer): void {
    const end = bytes.lastIndexOf(NEWLINE) + 1
    if (end > 0 || this.#length[stream] + bytes.length > MAX_LINE) {
      const cut = end > 0 ? end : bytes.length
      this.#write(stream, bytes.subarray(0, cut))
      bytes = bytes.subarray(cut)
    }
    if (bytes.length === 0) return
    this.#rest[stream].push(Buffer.from(bytes))
    this.#length[stream] += bytes.length
  }

  #write(stream: Stream, bytes: Buffer): void {
    const lines = Buffer.concat([...this.#rest[stream], bytes])
    this.#rest[stream] = []
    this.#length[stream] = 0
    if (lines.length === 0) return
    const whole = lines.at(-1) === NEWLINE ? lines : Buffer.concat([lines, Buffer.of(NEWLINE)])
    this.#trouble.follow(this.printer.write(stream, tagged(whole, this.prefix)))
  }

  finish(): Promise<void> {
    for (const stream of [1, 2] as const) this.#write(stream, Buffer.alloc(0))
    return this.#trouble.settled()
  }

  discard(): void {
    void this.finish().catch(() => {})
  }
}

/** Held, and written whole. Of an attempt that is not the last of its item, only what it said beside its output. */
class GroupedOutput implements AttemptOutput {
  readonly spool = new Spool()
  readonly #trouble = new Trouble()
  #isFinal = true

  constructor(
    private readonly printer: Printer,
    private readonly prefix: Buffer | undefined,
  ) {}

  add(stream: Stream, bytes: Buffer): void {
    this.#trouble.try(() => this.spool.add(stream, bytes))
  }

  async finish(isFinal: boolean): Promise<void> {
    try {
      await this.settled(isFinal)
      await this.print()
    } finally {
      this.spool.close()
    }
  }

  /** REQUIRES: nothing is added any more. */
  async print(): Promise<void> {
    if (this.spool.isEmpty) return
    await this.printer.exclusively(async (write) => {
      const tagger = new Tagger(this.prefix)
      for (const { stream, bytes } of this.spool.pieces()) {
        if (this.#isFinal || stream === 2) await write(stream, tagger.tag(stream, bytes))
      }
    })
  }

  settled(isFinal: boolean): Promise<void> {
    this.#isFinal = isFinal
    return this.#trouble.settled()
  }

  discard(): void {
    this.spool.close()
  }
}

function tagged(lines: Buffer, prefix: Buffer | undefined): Buffer {
  return new Tagger(prefix).tag(1, lines)
}

/** Puts something before each line of a text that comes in pieces. */
class Tagger {
  readonly #isMidLine: Record<Stream, boolean> = { 1: false, 2: false }

  constructor(private readonly prefix: Buffer | undefined) {}

  tag(stream: Stream, bytes: Buffer): Buffer {
    const { prefix } = this
    if (prefix === undefined) return bytes
    const parts: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, at)
      const end = newline < 0 ? bytes.length : newline + 1
      if (!this.#isMidLine[stream]) parts.push(prefix)
      parts.push(bytes.subarray(at, end))
      this.#isMidLine[stream] = newline < 0
      at = end
    }
    return Buffer.concat(parts)
  }
}

/** Two files for each attempt. */
class FileOutput implements AttemptOutput {
  readonly #trouble = new Trouble()
  #files: Partial<Record<Stream, number>> = {}

  constructor(folder: LogFolder, task: OutputTask) {
    this.#trouble.try(() => {
      this.#files = folder.open(task)
    })
  }

  add(stream: Stream, bytes: Buffer): void {
    this.#trouble.try(() => writeAll(this.#files[stream]!, bytes))
  }

  async finish(): Promise<void> {
    this.discard()
    await this.#trouble.settled()
  }

  discard(): void {
    for (const stream of [1, 2] as const) {
      const file = this.#files[stream]
      if (file !== undefined) closeSync(file)
      this.#files[stream] = undefined
    }
  }
}

class SeveralOutputs implements AttemptOutput {
  constructor(private readonly parts: readonly AttemptOutput[]) {}

  add(stream: Stream, bytes: Buffer): void {
    for (const part of this.parts) part.add(stream, bytes)
  }

  async finish(isFinal: boolean): Promise<void> {
    await Promise.all(this.parts.map((part) => part.finish(isFinal)))
  }

  discard(): void {
    for (const part of this.parts) part.discard()
  }
}

interface Place {
  readonly id: string
  readonly attempts: GroupedOutput[]
  isFinished: boolean
}

/**
 * Output in the order of the list, as far as this worker runs it: an item is shown when none before it runs here, or
 * is to be tried again.
 */
class OrderedOutputs {
  readonly #printer: Printer
  /** In the order of the list. */
  #places: Place[] = []

  constructor(printer: Printer) {
    this.#printer = printer
  }

  begin(id: string, prefix: Buffer | undefined): AttemptOutput {
    const place = this.#place(id)
    const output = new GroupedOutput(this.#printer, prefix)
    place.attempts.push(output)
    return {
      add: (stream, bytes) => output.add(stream, bytes),
      finish: async (isFinal) => {
        await output.settled(isFinal)
        place.isFinished ||= isFinal
        await this.#advance()
      },
      discard: () => {
        output.discard()
        place.attempts.splice(place.attempts.indexOf(output), 1)
        // Somebody else may have it from now on.
        place.isFinished = true
        void this.#advance().catch(() => {})
      },
    }
  }

  #place(id: string): Place {
    const known = this.#places.find((place) => place.id === id)
    if (known !== undefined) {
      known.isFinished = false
      return known
    }
    const place = { id, attempts: [], isFinished: false }
    let at = this.#places.length
    while (at > 0 && compareIds(id, this.#places[at - 1]!.id) < 0) at--
    this.#places.splice(at, 0, place)
    return place
  }

  async #advance(): Promise<void> {
    const printing: Promise<void>[] = []
    while (this.#places[0]?.isFinished) printing.push(print(this.#places.shift()!))
    await Promise.all(printing)
  }

  async flush(): Promise<void> {
    for (const place of this.#places) place.isFinished = true
    await this.#advance()
  }
}

/** All of them are given to the printer at once: the next place comes behind the last. */
async function print({ attempts }: Place): Promise<void> {
  await Promise.all(attempts.map((output) => output.print().finally(() => output.discard())))
}

/** Pages, and items in them, in the order in which the queue was made. */
export function compareIds(a: string, b: string): number {
  const [pageA, pageB] = [a.slice(0, a.lastIndexOf('-')), b.slice(0, b.lastIndexOf('-'))]
  if (pageA !== pageB) return pageA < pageB ? -1 : 1
  return Number(a.slice(pageA.length + 1)) - Number(b.slice(pageB.length + 1))
}
