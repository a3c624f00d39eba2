// Running a user's command: signals passed on, its exit code as shells and `env` tell it, and
// signs of life taken from it.

import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { constants } from 'node:os'
import { type Command, Option } from 'commander'
import { cut } from '../../view/text'
import { durationFrom } from '../parse/duration'
import { note } from './output'

const CANNOT_EXECUTE = 126
const NOT_FOUND = 127
const DEFAULT_KICK_MS = 1000
const KILL_AFTER_MS = 5000
const DRAIN_MS = 200
const NAME_COLUMNS = 200
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const
/** On a terminal the kernel sends these to the command itself. */
const FROM_TERMINAL = ['SIGINT', 'SIGQUIT'] as const

export interface KickFlags {
  kickEvery?: number
  kickOnOutput?: boolean
  kickFile?: string
}

export function withKicks(command: Command): Command {
  return command
    .option(
      '--kick-every <duration>',
      'how often to kick while the command lives (default 1s)',
      durationFrom('10ms'),
    )
    .option('--kick-on-output', 'kick only when the command writes something')
    .addOption(new Option('--kick-file <file>', 'kick only when this file changes'))
}

/** Calls `kick` as the flags say, until the returned function is called. */
export function keepKicking(child: ChildProcess, flags: KickFlags, kick: () => void): () => void {
  if (flags.kickOnOutput) {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', kick)
    return () => {}
  }
  let changed = modified(flags.kickFile)
  const timer = setInterval(() => {
    if (flags.kickFile !== undefined) {
      const now = modified(flags.kickFile)
      if (now === changed) return
      changed = now
    }
    kick()
  }, flags.kickEvery ?? DEFAULT_KICK_MS)
  return () => clearInterval(timer)
}

function modified(file: string | undefined): number | undefined {
  return file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })?.mtimeMs
}

export interface Running {
  readonly child: ChildProcess
  /** The exit code, 128 + n for signal n, 126 or 127 where it could not be started. */
  readonly ended: Promise<number>
  /** Ends it: asked first, forced after five seconds, or when called again. */
  stop(): void
}

/** Whoever chooses the items has a say in what the command does and prints; our secrets are not for it. */
function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { ROLLCALL_AUTH: _, ROLLCALL_TOKEN: __, ...rest } = env
  return rest
}

export function startCommand(
  words: readonly string[],
  options: { stdin: 'inherit' | 'ignore'; piped: boolean; env?: NodeJS.ProcessEnv },
): Running {
  const output = options.piped ? 'pipe' : 'inherit'
  const child = spawn(words[0]!, words.slice(1), {
    stdio: [options.stdin, output, output],
    env: { ...withoutSecrets(process.env), ...options.env },
  })
  child.stdout?.pipe(process.stdout, { end: false })
  child.stderr?.pipe(process.stderr, { end: false })
  let forced: NodeJS.Timeout | undefined
  const ended = new Promise<number>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      // The command's name may be an item, and is in both.
      note(`cannot run ${cut(words[0]!, NAME_COLUMNS)}: ${cut(error.message, 2 * NAME_COLUMNS)}`)
      resolve(error.code === 'ENOENT' ? NOT_FOUND : CANNOT_EXECUTE)
    })
    child.once('exit', (code, signal) => {
      clearTimeout(forced)
      const result = signal === null ? code! : 128 + constants.signals[signal]
      // What it wrote last may still be in the pipes; a child of its own may hold them for ever.
      const late = setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, DRAIN_MS)
      child.once('close', () => {
        clearTimeout(late)
        resolve(result)
      })
    })
  })
  const stop = () => {
    child.kill(forced === undefined ? 'SIGTERM' : 'SIGKILL')
    forced ??= setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
  }
  return { child, ended, stop }
}

/** Passes the signals of this process on. Returns what ends that; `heard` is told of each. */
export function forwardSignals(
  commands: () => Iterable<Running>,
  heard: (signal: NodeJS.Signals) => void = () => {},
): () => void {
  const pass = (signal: NodeJS.Signals) => {
    heard(signal)
    for (const { child } of commands()) child.kill(signal)
  }
  const passUnlessTerminal = (signal: NodeJS.Signals) => {
    if (process.stdin.isTTY) heard(signal)
    else pass(signal)
  }
  for (const signal of FORWARDED) process.on(signal, pass)
  for (const signal of FROM_TERMINAL) process.on(signal, passUnlessTerminal)
  return () => {
    for (const signal of FORWARDED) process.off(signal, pass)
    for (const signal of FROM_TERMINAL) process.off(signal, passUnlessTerminal)
  }
}
