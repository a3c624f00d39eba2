// Where text goes: standard output, its width and colours, and what happens when nobody reads it any more.

import { escapeControls } from '../../view/escape-controls'
import { exitCodeOf } from './exit-codes'

/**
 * How a table may look on standard output. Not a terminal: as wide as it likes, without colours. NO_COLOR takes
 * the colours (no-color.org), FORCE_COLOR gives them where there is no terminal; of both, NO_COLOR counts.
 */
export function outputStyle(): { columns: number; colors: boolean } {
  const { stdout, env } = process
  const fixed = Number(env.COLUMNS)
  return {
    columns: stdout.columns ?? (fixed > 0 ? fixed : Infinity),
    colors: wantsColors(stdout.isTTY === true, env),
  }
}

/** Whether standard output can be a screen that is redrawn in place. */
export function isScreen(): boolean {
  return process.stdout.isTTY === true && process.env.TERM !== 'dumb'
}

function wantsColors(isTerminal: boolean, { NO_COLOR, FORCE_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  if (NO_COLOR) return false
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  return isTerminal && TERM !== 'dumb'
}

/** Prints one text and a line end. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
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
 * thrown away, and a verb that has more to do hears of it through `StopSignal`.
 */
export function tolerateClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'EIO') return
      // Whatever else was done: who reads the result has not got it.
      if (stream === process.stdout) note(`Cannot write to standard output: ${error.message}`)
      process.exit(exitCodeOf(error))
    })
  }
}
