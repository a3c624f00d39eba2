// What counts as a sign of life of a command: that it lives, that it writes, or that a file of it changes.

import { statSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { durationFrom } from '../parse/duration'

const DEFAULT_KICK_MS = 1000
/** More often than that where the timer is short. */
const KICKS_PER_TIMER = 4

export interface KickFlags {
  kickEvery?: number
  kickOnOutput?: boolean
  kickFile?: string
}

export function withKicks(command: Command): Command {
  return command
    .option(
      '--kick-every <duration>',
      'how often to kick while it lives (default: 1s or less)',
      durationFrom('10ms'),
    )
    .option('--kick-on-output', 'kick only when the command writes something')
    .addOption(new Option('--kick-file <file>', 'kick only when this file changes'))
}

/** What hears of them. */
export interface Kicked {
  /** How long it may do without, in milliseconds. */
  readonly timerMs: number
  kick(): Promise<unknown>
}

/** Kicks as the flags say, until `stop()`. */
export class SignsOfLife {
  readonly #kick: () => void
  readonly #onOutput: boolean
  readonly #timer: NodeJS.Timeout | undefined

  constructor(flags: KickFlags, timer: Kicked) {
    const kick = () => void timer.kick().catch(() => {})
    this.#kick = kick
    this.#onOutput = flags.kickOnOutput ?? false
    if (this.#onOutput && flags.kickFile === undefined) return
    let changed = modified(flags.kickFile)
    this.#timer = setInterval(
      () => {
        if (flags.kickFile !== undefined) {
          const now = modified(flags.kickFile)
          if (now === changed) return
          changed = now
        }
        kick()
      },
      flags.kickEvery ?? Math.min(DEFAULT_KICK_MS, Math.ceil(timer.timerMs / KICKS_PER_TIMER)),
    )
  }

  /** The command has written something. */
  output(): void {
    if (this.#onOutput) this.#kick()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

function modified(file: string | undefined): number | undefined {
  return file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })?.mtimeMs
}
