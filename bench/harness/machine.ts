// What the benchmark asks of the machine: cores to pin processes to, and processes.

import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import fs from 'node:fs'

/** The cores that this process may use; empty where nobody can say. */
function allowedCores(): number[] {
  let list: string | undefined
  try {
    list = /^Cpus_allowed_list:\s*(\S+)/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1]
  } catch {
    return []
  }
  return (list ?? '').split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number)
    return Array.from({ length: to! - from! + 1 }, (_, i) => from! + i)
  })
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export interface Cores {
  /** Where trials run; undefined: wherever the system puts them. */
  trial: number | undefined
  /** Where their helpers run, and the benchmark itself. */
  other: number | undefined
}

/** Interrupts tend to go to the first core, so trials get the last. */
export function chooseCores(): Cores {
  const cores = hasTaskset() ? allowedCores() : []
  chosen = { trial: cores.at(-1), other: cores.length > 1 ? cores[0] : undefined }
  return chosen
}

/** Moves this process, all of its threads, to a core. */
export function pinSelf(core: number | undefined): void {
  if (core === undefined) return
  execFileSync('taskset', ['-a', '-c', '-p', String(core), String(process.pid)], { stdio: 'ignore' })
}

let chosen: Cores = { trial: undefined, other: undefined }

/**
 * Lets a process, all of its threads, and what it will start, have the trial's core and the helpers'.
 *
 * @param other the helpers' core, for a trial that asks; the benchmark itself knows both
 */
export function useBothCores(pid: number, other = chosen.other): void {
  if (other === undefined) return
  const cores = [
    ...new Set([...allowedCores(), other, ...(chosen.trial === undefined ? [] : [chosen.trial])]),
  ]
  execFileSync('taskset', ['-a', '-c', '-p', cores.join(','), String(pid)], { stdio: 'ignore' })
}

/** Starts a Node program on a core, with a channel for messages. */
export function startNode(
  file: string,
  args: string[],
  core: number | undefined,
  options: SpawnOptions = {},
): ChildProcess {
  const command = [process.execPath, '--expose-gc', file, ...args]
  if (core !== undefined) command.unshift('taskset', '-c', String(core))
  return spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    ...options,
  })
}

/** The next message of a child. Rejects when it ends first. */
export function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      child.off('message', onMessage)
      child.off('exit', onExit)
      child.off('error', onError)
    }
    const onMessage = (message: unknown) => {
      settle()
      resolve(message as T)
    }
    const onExit = (code: number | null, signal: string | null) => {
      settle()
      reject(new Error(`it ended with ${signal ?? `code ${code}`} before it had anything to say`))
    }
    const onError = (error: Error) => {
      settle()
      reject(error)
    }
    child.on('message', onMessage)
    child.on('exit', onExit)
    child.on('error', onError)
  })
}

/** Settles when a child is gone. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

export async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await ended(child)
}
