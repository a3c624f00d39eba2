// Where the output of commands, our own notes and the progress bar meet: one after the other, so that they never
// share a line. Nothing here blocks the event loop, whose timers say that our commands live, however slowly
// somebody reads.

import { write } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { escapeControls } from '../../../view/escape-controls'

import type { Stream } from './spool'

const writeFile = promisify(write)
const AGAIN_MS = 10
const ERASE = '\r\x1b[K'

/** Nobody reads our output any more. */
export class OutputClosedError extends Error {
  override readonly name = 'OutputClosedError'
}

export class Printer {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  /** The bar as it should be; undefined: none. */
  #bar: string | undefined
  #isBarShown = false
  /** Whether what was written last to the terminal has left a line unfinished. */
  #isMidLine = false

  /** Runs `job` when nobody else writes. */
  exclusively<T>(job: (write: (stream: Stream, bytes: Buffer) => Promise<void>) => Promise<T>): Promise<T> {
    this.#waiting++
    const done = this.#last.then(() => job((stream, bytes) => this.#write(stream, bytes)))
    this.#last = done.then(
      () => this.#idle(),
      () => this.#idle(),
    )
    return done
  }

  /** Writes as soon as it can. */
  write(stream: Stream, bytes: Buffer): Promise<void> {
    return this.exclusively((put) => put(stream, bytes))
  }

  /** Says something of ours. Never fails. */
  note(text: string): void {
    void this.write(2, Buffer.from(`rollcall: ${escapeControls(text)}\n`)).catch(() => {})
  }

  /** Draws the bar anew, or takes it away. */
  setBar(line: string | undefined): void {
    this.#bar = line
    if (this.#waiting === 0) void this.exclusively(async () => {}).catch(() => {})
  }

  /** Everything that was given is written. */
  async flushed(): Promise<void> {
    while (this.#waiting > 0) await this.#last
  }

  async #write(stream: Stream, bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return
    if (this.#isBarShown) {
      this.#isBarShown = false
      await put(2, Buffer.from(ERASE)).catch(() => {})
    }
    await put(stream, bytes)
    if (isTerminal(stream)) this.#isMidLine = bytes.at(-1) !== 0x0a
  }

  async #idle(): Promise<void> {
    this.#waiting--
    if (this.#waiting > 0 || (this.#bar === undefined && !this.#isBarShown)) return
    const start = !this.#isBarShown && this.#isMidLine && this.#bar !== undefined ? '\n' : ''
    this.#isMidLine = false
    this.#isBarShown = this.#bar !== undefined
    await put(2, Buffer.from(`${start}${ERASE}${this.#bar ?? ''}`)).catch(() => {})
  }
}

async function put(stream: Stream, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += (await writeFile(stream, bytes, at)).bytesWritten
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Somebody who shares the pipe has made it so.
      if (code === 'EAGAIN') await delay(AGAIN_MS)
      else if (code === 'EPIPE' || (code === 'EIO' && isTerminal(stream)))
        throw new OutputClosedError('Nobody reads the output')
      else throw error
    }
  }
}

/** A terminal that was closed answers with EIO, as a broken disk does. */
function isTerminal(stream: Stream): boolean {
  return (stream === 1 ? process.stdout : process.stderr).isTTY === true
}
