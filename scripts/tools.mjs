// Finds the programs that checks of this repository need beyond npm's packages, installs Debian's
// packages of them where it may, and otherwise says what to install.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { installDebianPackages } from './needs/debian.mjs'

/** The first of `names` that is a command, or undefined. */
export function findCommand(...names) {
  return names.find((name) => locate(name) !== undefined)
}

/** The path of the command `name`, or undefined. */
export function locate(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/**
 * What `find` finds; where that is nothing, after installing `packages` of Debian's.
 *
 * @param {string} what as a person would call it
 * @param {string[]} packages
 * @param {() => string | undefined} find
 */
export function need(what, packages, find) {
  const found = find()
  if (found !== undefined) return found
  installDebianPackages(...packages)
  return (
    find() ??
    fail(`${what} is needed, and was not found.\n  Debian, Ubuntu: apt-get install ${packages.join(' ')}`)
  )
}

/** The newest clang++ that has libFuzzer. */
export function needClang() {
  const versions = ['', ...Array.from({ length: 10 }, (_, i) => `-${23 - i}`)]
  const find = () =>
    versions
      .map((version) => findCommand(`clang++${version}`))
      .find((clang) => clang !== undefined && hasLibFuzzer(clang))
  return need('clang++ with libFuzzer', ['clang-14', 'libclang-rt-14-dev'], find)
}

function hasLibFuzzer(clang) {
  const probe = ['-fsanitize=fuzzer,address', '-x', 'c++', '-', '-o', '/dev/null']
  const input = 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }'
  return spawnSync(clang, probe, { input, stdio: ['pipe', 'ignore', 'ignore'] }).status === 0
}

/** Runs a command with our own output; ends this program with its code when that is not 0. */
export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (status === 0) return
  fail(`${command} ${args.join(' ')} ended with ${error?.message ?? signal ?? `code ${status}`}`, status ?? 1)
}

/** Installs the locked packages of a folder that has a package.json of its own, unless they are there. */
export function installOwn(folder) {
  const read = (...names) => JSON.parse(readFileSync(join(folder, ...names), 'utf8'))
  const isThere = ([name, version]) =>
    existsSync(join(folder, 'node_modules', name, 'package.json')) &&
    read('node_modules', name, 'package.json').version === version
  if (Object.entries(read('package.json').dependencies).every(isThere)) return
  run('npm', ['ci', '--no-audit', '--no-fund', '--silent'], { cwd: folder })
}

/** Runs mocha, whose exit code 0 alone does not show that any test ran. */
export function runMocha(command, args, options) {
  const stdio = ['ignore', 'pipe', 'inherit']
  const { status, signal, error, stdout } = spawnSync(command, args, { ...options, stdio, encoding: 'utf8' })
  process.stdout.write(stdout ?? '')
  if (status !== 0) fail(`${command} ended with ${error?.message ?? signal ?? `code ${status}`}`, status ?? 1)
  if (!/^\s+[1-9]\d* passing/m.test(stdout)) fail(`${command} ran no test`)
}

/** Sanitizers want their shadow where newer kernels may put libraries: no randomization where we may. */
export function atFixedAddresses() {
  const prefix = ['setarch', process.arch === 'arm64' ? 'aarch64' : 'x86_64', '-R']
  const works = spawnSync(prefix[0], [...prefix.slice(1), 'true'], { stdio: 'ignore' }).status === 0
  return works ? prefix : []
}

/** A folder that goes when this program ends, also by `fail` and by Ctrl-C. Its path has no symbolic links. */
export function temporaryFolder(name) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `rollcall-${name}-`)))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    process.once(signal, () => process.exit(code))
  }
  return folder
}

export function fail(message, code = 1) {
  console.error(`rollcall: ${message}`)
  process.exit(code)
}
