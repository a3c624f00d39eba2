// A folder that lives no longer than this command. One that was killed leaves its folder: the next removes it.

import { mkdtempSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namesIn, statsOf } from '../../util/trust'

/** A pid says nothing in another namespace of them: containers may share a directory. */
function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  } catch {
    return '0'
  }
}

/** Makes `rollcall-<kind>-<namespace>-<pid>-<random>`, once those of commands that are gone are removed. */
export function temporaryFolder(kind: 'work' | 'board'): { path: string; remove(): void } {
  const prefix = `rollcall-${kind}-${pidNamespace()}-`
  removeAbandoned(tmpdir(), prefix)
  const path = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Only what this user has made: a folder of that name by another may hold anything. */
function removeAbandoned(directory: string, prefix: string): void {
  for (const name of namesIn(directory) ?? []) {
    const [, pid] = name.startsWith(prefix) ? (/^(\d+)-\w{6}$/.exec(name.slice(prefix.length)) ?? []) : []
    if (pid === undefined || lives(Number(pid))) continue
    const path = join(directory, name)
    const stats = statsOf(path)
    if (stats?.isDirectory() !== true || stats.uid !== process.geteuid?.()) continue
    try {
      rmSync(path, { recursive: true, force: true })
    } catch {
      // Somebody else does the same, or it is in use: another time.
    }
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
