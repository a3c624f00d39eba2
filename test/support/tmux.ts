// Terminals that tests can look at: tmux draws what a program writes, and types what a user would.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { MAIN } from './cli'
import { eventually } from './eventually'
import { ROOT } from './paths'
import { tempDir } from './temp-dir'

const SCRIPT = join(ROOT, 'scripts', 'needs', 'tmux.mjs')

/** Whether these tests were asked to be left out. */
export const tmuxSkipped = process.env.ROLLCALL_TEST_TMUX === 'skip'

let found: string | undefined

function tmuxCommand(): string {
  found ??= (JSON.parse(execFileSync(process.execPath, [SCRIPT], { encoding: 'utf8' })) as { tmux: string })
    .tmux
  return found
}

export interface TerminalOptions {
  columns?: number
  rows?: number
  env?: Record<string, string>
}

const open = new Set<Terminal>()

/** One terminal with one program on it. What the program leaves behind stays to be looked at. */
export class Terminal {
  readonly #socket: string
  readonly #notes: string
  /** Of the server: its socket may be gone, with the directory, before it is to end. */
  readonly #server: number

  /** Starts a line of shell. */
  constructor(command: string, { columns = 100, rows = 20, env = {} }: TerminalOptions = {}) {
    this.#notes = tempDir()
    this.#socket = join(this.#notes, 'tmux')
    const settings = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}`)
    const clean = `env -u NO_COLOR -u FORCE_COLOR -u COLUMNS -u LINES ${settings.join(' ')}`
    const program = join(this.#notes, 'program')
    const script =
      // Ctrl-C is for the program; what waits for it goes on.
      `trap : INT; tty > tty; stty -g > before; echo before; ${clean} sh -c ${quoted(`echo $$ > pid; exec ${command}`)} 2> ${program}.err; ` +
      'echo $? > code; stty -g > after; echo after; exec cat'
    const size = ['-x', String(columns), '-y', String(rows)]
    this.#tmux('-f', '/dev/null', 'new-session', '-d', '-c', this.#notes, ...size, `sh -c ${quoted(script)}`)
    open.add(this)
    this.#server = Number(this.#tmux('display-message', '-p', '#{pid}'))
  }

  /** Starts `rollcall ...args`. */
  static rollcall(args: string[], options?: TerminalOptions): Terminal {
    return new Terminal([process.execPath, MAIN, ...args].map(quoted).join(' '), options)
  }

  /** The lines as they are seen; with escape sequences for colours where asked. */
  lines(colored = false): string[] {
    const text = this.#tmux('capture-pane', '-p', '-N', ...(colored ? ['-e'] : []))
    return text.replace(/\n$/, '').split('\n')
  }

  /** All of the screen, without the blanks at the ends of its lines. */
  text(): string {
    return this.lines()
      .map((line) => line.trimEnd())
      .join('\n')
  }

  /** Waits until the screen matches, and returns it as it was then. */
  async shows(pattern: RegExp): Promise<string> {
    let text = ''
    await eventually(
      () => {
        text = this.text()
        return pattern.test(text)
      },
      () => `${pattern} on\n${text}\n${this.#note('program.err') ?? ''}`,
    )
    return text
  }

  /** Presses keys, by tmux's names of them or as characters. */
  press(...keys: string[]): void {
    this.#tmux('send-keys', ...keys)
  }

  /** Types a text as it is. */
  type(text: string): void {
    this.#tmux('send-keys', '-l', text)
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows))
  }

  /** The process of the program itself. */
  async pid(): Promise<number> {
    return Number(await eventually(() => this.#note('pid')?.trim(), 'the program to start'))
  }

  /** Waits for the program's end. `restored`: main screen, cursor, and the terminal's modes as they were. */
  async ended(): Promise<{ code: number; stderr: string; restored: boolean }> {
    await eventually(
      () => this.#note('after'),
      () => `the end of\n${this.text()}`,
    )
    await this.shows(/after/)
    const flags = this.#tmux('display-message', '-p', '#{alternate_on} #{cursor_flag} #{wrap_flag}').trim()
    const sameModes = this.#note('before') === this.#note('after')
    return {
      code: Number(this.#note('code')),
      stderr: this.#note('program.err') ?? '',
      restored: flags === '0 1 1' && sameModes && this.text().startsWith('before\n'),
    }
  }

  /** Ends the server, and with it the terminal and what runs on it. */
  close(): void {
    if (!open.delete(this)) return
    try {
      process.kill(this.#server, 'SIGTERM')
    } catch {
      // Ended already.
    }
  }

  /** A whole line that the shell around the program has written. */
  #note(name: string): string | undefined {
    try {
      return readFileSync(join(this.#notes, name), 'utf8') || undefined
    } catch {
      return undefined
    }
  }

  #tmux(...args: string[]): string {
    const { TMUX: _, ...env } = process.env
    return execFileSync(tmuxCommand(), ['-u', '-S', this.#socket, ...args], {
      encoding: 'utf8',
      env: { ...env, LC_ALL: 'C.UTF-8', SHELL: '/bin/sh' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }
}

export function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

afterEach('close the terminals', () => {
  for (const terminal of open) terminal.close()
})
