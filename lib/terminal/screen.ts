// A terminal taken over for a live view: alternate screen, single keys, redrawn in place, and
// given back as it was however the process ends.

import { emitKeypressEvents, type Interface, type Key } from 'node:readline'
import type { ReadStream, WriteStream } from 'node:tty'
import { keyName } from './keys'

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l' // alternate screen, no cursor, no line wrap
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'
/** An Esc that nothing follows for so long is the key, and not the beginning of another one's sequence. */
const ESCAPE_MS = 50
const RESUME_MS = 100

/** What ends a view from outside, and what it tells when its terminal has gone. */
export interface Stop {
  readonly signal: AbortSignal
  readonly stop: () => void
}

export interface LiveView {
  /** The time between two looks, as it is now. */
  readonly intervalMs: number
  /** Looks at what is shown; keys are obeyed meanwhile. */
  refresh?(): void | Promise<void>
  /** The lines to show now, coloured or not, no more and no wider than the terminal has room for. */
  lines(columns: number, rows: number): string[]
  /** Takes a key, by its name; `'end'` ends the view. Without it, q does. Ctrl-C and Ctrl-Z never come here. */
  onKey?(key: string): 'end' | undefined
}

/** Shows the view until it ends itself, by Ctrl-C or by `stop`. Rejects with what it throws, the terminal restored. */
export async function showLive(view: LiveView, stop: Stop): Promise<void> {
  const screen = new Screen(process.stdin, process.stdout)
  try {
    await new LiveLoop(view, screen, stop).ended
  } finally {
    screen.close()
  }
}

/** Looks, draws and obeys keys, one after the other. */
class LiveLoop {
  readonly ended: Promise<void>
  readonly #view: LiveView
  readonly #screen: Screen
  #timer: NodeJS.Timeout | undefined
  #timerMs = 0
  #isOver = false
  #finish: (error?: unknown) => void = () => {}

  constructor(view: LiveView, screen: Screen, stop: Stop) {
    this.#view = view
    this.#screen = screen
    this.ended = new Promise<void>((resolve, reject) => {
      const onStop = () => this.#finish()
      this.#finish = (error) => {
        this.#isOver = true
        clearTimeout(this.#timer)
        stop.signal.removeEventListener('abort', onStop)
        if (error === undefined) resolve()
        else reject(error)
      }
      stop.signal.addEventListener('abort', onStop)
      if (stop.signal.aborted) return this.#finish()
      screen.open({ onKey: this.#onKey, onResize: this.#draw, onGone: stop.stop })
      void this.#look()
    })
  }

  readonly #look = async () => {
    this.#timer = undefined
    try {
      await this.#view.refresh?.()
    } catch (error) {
      this.#finish(error)
    }
    if (this.#isOver) return
    this.#draw()
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isOver) return
    clearTimeout(this.#timer)
    this.#timerMs = this.#view.intervalMs
    this.#timer = setTimeout(this.#look, this.#timerMs)
  }

  readonly #draw = () => {
    if (this.#isOver) return
    try {
      this.#screen.draw((columns, rows) => this.#view.lines(columns, rows))
    } catch (error) {
      this.#finish(error)
    }
  }

  readonly #onKey = (key: string) => {
    if (this.#isOver) return
    const answer = this.#view.onKey ? this.#view.onKey(key) : key === 'q' ? 'end' : undefined
    if (key === 'ctrl-c' || answer === 'end') return this.#finish()
    this.#draw()
    if (this.#timer !== undefined && this.#timerMs !== this.#view.intervalMs) this.#schedule()
  }
}

interface ScreenEvents {
  onKey(key: string): void
  onResize(): void
  /** The terminal itself has gone. */
  onGone(): void
}

class Screen {
  readonly #input: ReadStream
  readonly #output: WriteStream
  #isShown = false
  #resuming: NodeJS.Timeout | undefined
  /** The lines that the terminal shows, and its size then; undefined where nobody can know. */
  #shown: { lines: string[]; columns: number; rows: number } | undefined
  #events: ScreenEvents = { onKey() {}, onResize() {}, onGone() {} }

  constructor(input: ReadStream, output: WriteStream) {
    this.#input = input
    this.#output = output
  }

  open(events: ScreenEvents): void {
    this.#events = events
    this.#output.on('resize', events.onResize)
    process.on('SIGCONT', this.#continue)
    process.on('SIGTSTP', this.#suspend)
    // Also on the way out through an error that nobody caught; before its stack is printed, or the
    // alternate screen would take it with it.
    process.on('uncaughtExceptionMonitor', this.#leave)
    process.on('exit', this.#leave)
    if (this.#input.isTTY) {
      // Of an interface, only this property is looked at.
      emitKeypressEvents(this.#input, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface)
      this.#input.on('keypress', this.#onKeypress)
      this.#input.on('end', events.onGone)
      this.#input.on('error', events.onGone)
    }
    this.#enter()
  }

  /** Redraws in place what has changed: nothing flickers, and little goes over a slow line. */
  draw(lines: (columns: number, rows: number) => string[]): void {
    if (!this.#isShown) return
    const columns = this.#output.columns || 80
    const rows = this.#output.rows || 24
    const now = lines(columns, rows).slice(0, rows)
    while (now.length < rows) now.push('')
    const isSameSize = this.#shown?.columns === columns && this.#shown.rows === rows
    const before = isSameSize ? this.#shown!.lines : []
    // Each line is wiped before it is written: behind a line as wide as the screen the cursor still stands
    // on its last character.
    const changed = now.map((line, at) => (line === before[at] ? '' : `\x1b[${at + 1}H\x1b[K${line}`))
    this.#shown = { lines: now, columns, rows }
    this.#output.write(changed.join(''))
  }

  close(): void {
    const { onResize, onGone } = this.#events
    clearTimeout(this.#resuming)
    this.#output.off('resize', onResize)
    process.off('SIGCONT', this.#continue)
    process.off('SIGTSTP', this.#suspend)
    this.#leave()
    process.off('uncaughtExceptionMonitor', this.#leave)
    process.off('exit', this.#leave)
    this.#input.off('keypress', this.#onKeypress)
    this.#input.off('end', onGone)
    // A terminal that is still being read keeps the process alive. Its errors stay unheard: it may be gone.
    this.#input.pause()
  }

  readonly #enter = () => {
    this.#isShown = true
    this.#shown = undefined
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
    this.#events.onResize()
  }

  readonly #onKeypress = (text: string | undefined, key: Key) => {
    const name = keyName(text, key)
    // In raw mode the terminal stops nobody by itself; it would stop all of the job.
    if (name === 'ctrl-z') process.kill(0, 'SIGTSTP')
    // Somebody else has written on the screen.
    if (name === 'ctrl-l') this.#shown = undefined
    if (name !== undefined && name !== 'ctrl-z') this.#events.onKey(name)
  }

  readonly #suspend = () => {
    this.#leave()
    process.off('SIGTSTP', this.#suspend)
    process.kill(process.pid, 'SIGTSTP')
    // Going on is heard as SIGCONT. Where no shell could ever send that, the kernel does not stop us at all.
    this.#resuming = setTimeout(() => {
      process.off('SIGTSTP', this.#suspend)
      process.on('SIGTSTP', this.#suspend)
      if (!this.#isShown) this.#continue()
    }, RESUME_MS)
  }
}
