// A second user of this machine: a process that becomes one, and programs that were never another. The latter cannot
// look into this checkout where it lies in root's home or in a folder of mode 0700, so they get a copy of what they load.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type { OtherUserRequest } from '../programs/other-user'
import { startReady } from './child'
import { ROOT } from './paths'
import { tempDir } from './temp-dir'

/** Users that nobody is, but for `NOBODY` on most systems. */
export const NOBODY = 65534
export const SOMEBODY = 12345

/**
 * Runs a JavaScript program as another user, in which `LIB` is the compiled library. Only root can.
 *
 * @param packages what the program needs of node_modules; what these need comes with them
 */
export function runAsOther(
  program: string,
  packages: readonly string[] = [],
): { stdout: string; stderr: string } {
  const lib = JSON.stringify(path.join(copyForAll(packages), 'dist', 'lib'))
  const code = `const LIB = ${lib}\n${program}`
  return spawnSync(process.execPath, ['-e', code], { encoding: 'utf8', uid: NOBODY, gid: NOBODY, cwd: '/' })
}

/** The compiled library, its addon and some packages, where everybody may read them. */
export function copyForAll(packages: readonly string[]): string {
  const copy = tempDir()
  fs.chmodSync(copy, 0o755)
  const take = (name: string) => {
    if (!fs.existsSync(path.join(ROOT, name)) || fs.existsSync(path.join(copy, name))) return
    fs.cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true, dereference: true })
  }
  for (const name of ['package.json', path.join('dist', 'lib'), path.join('build', 'Release'), 'prebuilds'])
    take(name)
  const takePackage = (name: string) => {
    const folder = path.join('node_modules', name)
    if (!fs.existsSync(path.join(ROOT, folder))) return // an optional one, of another platform
    take(folder)
    const { dependencies, optionalDependencies } = JSON.parse(
      fs.readFileSync(path.join(ROOT, folder, 'package.json'), 'utf8'),
    ) as Record<string, Record<string, string>>
    for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) takePackage(next)
  }
  for (const name of ['node-gyp-build', 'fastest-levenshtein', ...packages]) takePackage(name)
  for (const entry of [copy, ...everythingBelow(copy)]) {
    const { mode } = fs.statSync(entry)
    // Whatever the umask of whoever made the checkout.
    fs.chmodSync(entry, mode | 0o444 | ((mode & 0o100) >> 3) | ((mode & 0o100) >> 6))
  }
  return copy
}

function everythingBelow(folder: string): string[] {
  return fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name))
}

export interface OtherUser {
  ask<T = unknown>(request: OtherUserRequest): Promise<{ value?: T; code?: string; message?: string }>
}

/** A process of another user; only root can start one. */
export async function otherUser(uid = NOBODY, gid = uid): Promise<OtherUser> {
  return startReady('other-user', String(uid), String(gid))
}

/** Skips the tests of a suite where this process is not root: it cannot be two users. */
export function onlyAsRoot(): void {
  before(function () {
    if (process.geteuid!() !== 0) this.skip()
  })
}
