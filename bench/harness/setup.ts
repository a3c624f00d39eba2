// What the benchmark needs beside a built rollcall, made when it is missing: the native floors
// and crowds of bench/native, and the rivals of bench/rivals.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { CROWD_PROGRAM, FLOOR_ADDON, NATIVE_DIR, RIVALS_DIR, ROOT } from './paths'

function newest(directory: string): number {
  const names = fs.readdirSync(directory).filter((name) => /\.(cc|h|gyp)$/.test(name))
  return Math.max(...names.map((name) => fs.statSync(path.join(directory, name)).mtimeMs))
}

function isBuilt(): boolean {
  const outputs = [FLOOR_ADDON, CROWD_PROGRAM]
  if (!outputs.every((file) => fs.existsSync(file))) return false
  const sources = Math.max(newest(NATIVE_DIR), newest(path.join(ROOT, 'native', 'core')))
  return outputs.every((file) => fs.statSync(file).mtimeMs > sources)
}

/** Compilers say what is wrong at the end, npm at the beginning of its own words. */
function lastLines({ stdout, stderr }: SpawnSyncReturns<string>): string {
  return `${stdout}${stderr}`.trim().split('\n').slice(-40).join('\n')
}

/** @throws {Error} it cannot be built, with what the compiler said */
export function buildNative(say: (text: string) => void): void {
  if (isBuilt()) return
  say('building bench/native ...')
  // Through npm, whose configuration may say where Node's headers are.
  const nodeGyp = ['exec', '--offline', '--', 'node-gyp', '-C', NATIVE_DIR, 'configure', 'build']
  const build = spawnSync('npm', nodeGyp, { cwd: ROOT, encoding: 'utf8' })
  if (build.status === 0) return
  throw new Error(
    `Cannot build bench/native (needs python3, make and a C++ compiler):\n${build.error?.message ?? lastLines(build)}`,
  )
}

/** Whether what is installed is what the lock file says. */
function areRivalsInstalled(): boolean {
  const lock = path.join(RIVALS_DIR, 'package-lock.json')
  // npm writes this file last.
  const installed = path.join(RIVALS_DIR, 'node_modules', '.package-lock.json')
  return fs.existsSync(installed) && fs.statSync(installed).mtimeMs >= fs.statSync(lock).mtimeMs
}

/** Installs the rivals. What fails is said; each rival reports its own absence later. */
export function installRivals(say: (text: string) => void): void {
  if (areRivalsInstalled()) return
  say('installing the rivals in bench/rivals (better-sqlite3 may be compiled: a few minutes) ...')
  // Not `npm ci`: it refuses a lock file without the binaries that some package has for other platforms.
  // Without a console of its own, so that Ctrl-C still ends this benchmark and npm with it.
  const install = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: RIVALS_DIR,
    encoding: 'utf8',
  })
  if (install.status === 0) return
  const why = install.error?.message ?? install.stderr.trim().split('\n').slice(0, 5).join('\n')
  say(`they cannot be installed, so the run is without them: ${why}`)
}
