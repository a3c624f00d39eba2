// A terminal taken over for a live view: alternate screen, single keys, redrawn in place, and
// given back as it was however the process ends.

import { emitKeypressEvents, type Key } from 'node:readline'
import type { ReadStream, WriteStream } from 'node:tty'

import type { StopSignal } from './stop-signal'

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l' // alternate screen, no cursor, no line wrap
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

export interface LiveView {
  intervalMs: number
  /** The lines to show now, coloured or not, no more and no wider than the terminal has room for. */
  lines(columns: number, rows: number): string[]
  /** A key that is not one of those that end or suspend the view; drawn anew afterwards. */
  onKey?(key: string): void
}

/** Shows the view until q, Ctrl-C or `stop`. Rejects with what `lines` throws, the terminal restored. */
export async function showLive(view: LiveView, stop: StopSignal): Promise<void> {
  const screen = new Screen(process.stdin, process.stdout)
  await new Promise<void>((resolve, reject) => {
    const finish = (error?: unknown) => {
      clearInterval(timer)
      stop.signal.removeEventListener('abort', onStop)
      screen.close()
      if (error === undefined) resolve()
      else reject(error)
    }
    const onStop = () => finish()
    const draw = () => {
      try {
        screen.draw((columns, rows) => view.lines(columns, rows))
      } catch (error) {
        finish(error)
      }
    }
    const onKey = (key: string) => {
      if (key === 'q' || key === 'Q') return stop.stop()
      view.onKey?.(key)
      draw()
    }

    const timer = setInterval(draw, view.intervalMs)
    stop.signal.addEventListener('abort', onStop)
    screen.open(onKey, draw)
    if (stop.signal.aborted) finish()
    else draw()
  })
}

class Screen {
  readonly #input: ReadStream
  readonly #output: WriteStream
  #isShown = false
  #onKey: (key: string) => void = () => {}
  #onResize: () => void = () => {}

  constructor(input: ReadStream, output: WriteStream) {
    this.#input = input
    this.#output = output
  }

  open(onKey: (key: string) => void, onResize: () => void): void {
    this.#onKey = onKey
    this.#onResize = onResize
    this.#output.on('resize', onResize)
    process.on('SIGCONT', this.#continue)
    // Also on the way out through an error that nobody caught.
    process.on('exit', this.#leave)
    if (this.#input.isTTY) {
      emitKeypressEvents(this.#input)
      this.#input.on('keypress', this.#onKeypress)
    }
    this.#enter()
  }

  /** Redraws in place: nothing flickers, and what was longer before is wiped. */
  draw(lines: (columns: number, rows: number) => string[]): void {
    if (!this.#isShown) return
    const { columns, rows } = this.#output
    const shown = lines(columns || 80, rows || 24)
    // Each line is wiped before it is written: behind a line as wide as the screen the cursor still stands
    // on its last character.
    const text = shown.map((line) => `\x1b[K${line}`).join('\r\n')
    this.#output.write(`\x1b[H${text}${shown.length < (rows || 24) ? '\r\n\x1b[J' : ''}`)
  }

  close(): void {
    this.#output.off('resize', this.#onResize)
    process.off('SIGCONT', this.#continue)
    process.off('exit', this.#leave)
    this.#leave()
    this.#input.off('keypress', this.#onKeypress)
    // A terminal that is still being read keeps the process alive.
    this.#input.pause()
  }

  readonly #enter = () => {
    this.#isShown = true
    if (this.#input.isTTY) {
      this.#input.setRawMode(true)
      this.#input.resume()
    }
    this.#output.write(ENTER)
  }

  readonly #leave = () => {
    if (!this.#isShown) return
    this.#isShown = false
    if (this.#input.isTTY) this.#input.setRawMode(false)
    this.#output.write(LEAVE)
  }

  readonly #continue = () => {
    if (this.#isShown) this.#leave()
    this.#enter()
    this.#onResize()
  }

  readonly #onKeypress = (text: string | undefined, key: Key) => {
    if (key.ctrl && key.name === 'z') this.#suspend()
    else this.#onKey(key.ctrl && key.name === 'c' ? 'q' : (text ?? ''))
  }

  // In raw mode the terminal does not stop us by itself.
  #suspend(): void {
    this.#leave()
    process.kill(process.pid, 'SIGTSTP')
  }
}
