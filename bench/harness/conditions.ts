// Under which conditions a run was made: what its figures mean nothing without.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import type { Cores } from './machine'
import { ROOT } from './paths'

export interface Conditions {
  cpu: string
  cores: number
  memory: string
  system: string
  node: string
  date: string
  commit: string
  command: string
  /** Where the boards were, and on which file system. */
  boards: string
  processes: string
  /** Processes that wanted to run, besides ours, when the run began and when it ended. */
  load: string
}

const FILE_SYSTEMS: Record<number, string> = {
  16914836: 'tmpfs',
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  2035054128: 'overlayfs',
  26: 'apfs',
}

/** The name of the file system that a directory is on. */
function fileSystemOf(directory: string): string {
  const { type } = fs.statfsSync(directory)
  return FILE_SYSTEMS[type] ?? `file system type 0x${type.toString(16)}`
}

function commit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== ''
    return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? ', with changes' : ''}`
  } catch {
    return 'not a git checkout'
  }
}

function pinning({ trial, other }: Cores): string {
  if (trial === undefined) return 'each trial in a process of its own, not pinned: there is no taskset'
  const helpers = other === undefined ? 'helpers on the same, the only one' : `helpers on core ${other}`
  return `each trial in a process of its own, pinned to core ${trial}; ${helpers}`
}

function loadNow(): string {
  return os.loadavg()[0]!.toFixed(1)
}

export function conditionsOf(directory: string, cores: Cores): Conditions {
  const cpus = os.cpus()
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: `${process.version} (V8 ${process.versions.v8})`,
    date: new Date().toISOString(),
    commit: commit(),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(
      ' ',
    ),
    boards: fileSystemOf(directory),
    processes: pinning(cores),
    load: `${loadNow()} at the beginning`,
  }
}

export function concludeConditions(conditions: Conditions): void {
  conditions.load += `, ${loadNow()} at the end`
}
