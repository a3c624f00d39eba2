// Where text goes: standard output, its width and colours, and what happens when nobody reads it any more.

import { fstatSync, writeSync } from 'node:fs'
import { escapeControls } from '../../view/escape-controls'

const STDOUT = 1
/** Whether nothing stood in the way of writing so far. */
let isDirect = true

/** Standard output where it may be a terminal. Elsewhere nobody needs the stream, which loads a dozen of Node's modules. */
function terminal(): typeof process.stdout | undefined {
  return fstatSync(STDOUT).isCharacterDevice() ? process.stdout : undefined
}

/**
 * How a table may look on standard output. Not a terminal: as wide as it likes, without colours. NO_COLOR takes
 * the colours (no-color.org), FORCE_COLOR gives them where there is no terminal; of both, NO_COLOR counts.
 */
export function outputStyle(): { columns: number; colors: boolean } {
  const { env } = process
  const stdout = terminal()
  const fixed = Number(env.COLUMNS)
  return {
    columns: stdout?.columns ?? (fixed > 0 ? fixed : Infinity),
    colors: wantsColors(stdout?.isTTY === true, env),
  }
}

/** Whether standard output can be a screen that is redrawn in place. */
export function isScreen(): boolean {
  return terminal()?.isTTY === true && process.env.TERM !== 'dumb'
}

function wantsColors(isTerminal: boolean, { NO_COLOR, FORCE_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  if (NO_COLOR) return false
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  return isTerminal && TERM !== 'dumb'
}

/** Prints one text and a line end. */
export function print(text: string): void {
  const bytes = Buffer.from(`${text}\n`)
  const rest = isDirect ? bytes.subarray(writeNow(bytes)) : bytes
  if (rest.length === 0) return
  isDirect = false
  process.stdout.write(rest)
}

/** Writes what goes at once, and says how much. The stream waits for a pipe that is full, and tells of one that is closed. */
function writeNow(bytes: Buffer): number {
  let written = 0
  try {
    while (written < bytes.length) written += writeSync(STDOUT, bytes, written)
  } catch {}
  return written
}

/**
 * Says something beside the result, which standard output is kept for. On one line: names, items and messages of
 * others are in it.
 */
export function note(text: string): void {
  process.stderr.write(`rollcall: ${escapeControls(text)}\n`)
}

/** The same in lines of our own, such as a stack. */
export function noteLines(text: string): void {
  process.stderr.write(`${text.split('\n').map(escapeControls).join('\n')}\n`)
}

/**
 * A reader that went away (`| head -1`) or a terminal that was closed is no failure: what is left is
 * thrown away, and a verb that has more to do hears of it through `StopSignal`. Of a stream that was never used
 * nobody hears, so this is asked of errors that nobody caught.
 */
export function isClosedOutput({ code, syscall }: NodeJS.ErrnoException): boolean {
  return syscall === 'write' && (code === 'EPIPE' || code === 'EIO')
}
