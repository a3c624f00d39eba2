// Lines of shell as users type them, with `rollcall` among their commands.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { MAIN } from './cli'
import { tempDir } from './temp-dir'

export interface ShellEnd {
  code: number | null
  stdout: string
  stderr: string
}

export interface ShellOptions {
  cwd: string
  env?: NodeJS.ProcessEnv
  /** Before all other commands. */
  commands?: Record<string, string>
}

const running = new Set<ChildProcess>()

/** A directory with programs of those names; the values are scripts. */
export function commandFolder(commands: Record<string, string> = {}): string {
  const folder = tempDir()
  const all = { rollcall: `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, ...commands }
  for (const [name, script] of Object.entries(all)) {
    writeFileSync(join(folder, name), script)
    chmodSync(join(folder, name), 0o755)
  }
  return folder
}

/** Starts a script in bash, in a group of its own. It is killed after the test, at the latest. */
export function startShell(script: string, { cwd, env = {}, commands }: ShellOptions): ChildProcess {
  const { NO_COLOR: _, FORCE_COLOR: __, ...inherited } = process.env
  const path = `${commandFolder(commands)}${delimiter}${process.env.PATH}`
  const child = spawn('bash', ['--norc', '-c', script], {
    cwd,
    env: { ...inherited, ...env, PATH: path },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** Runs a script to its end. */
export async function shell(script: string, options: ShellOptions): Promise<ShellEnd> {
  const child = startShell(script, options)
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text) => {
      said[name] += text
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...said }
}

afterEach('end the shells', () => {
  for (const child of running) {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
  running.clear()
})
