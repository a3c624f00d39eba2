// Makes a fresh clone ready: what `npm run demo`, `npm test` and `npm run bench` do first. Installs the
// locked packages, builds the addon and the TypeScript, each only where something is missing or older
// than its sources. Uses nothing but Node itself, and talks on standard error only.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const ADDON_DIR = join(ROOT, 'build', 'Release')
const COMPILED = ['lib', 'test', 'bench', 'examples']

checkNode()
if (!isInstalled()) {
  checkCompiler()
  run('installing the locked packages', 'npm', ['ci', '--no-audit', '--no-fund'])
}
if (!isAddonFresh()) {
  checkCompiler()
  run('building the addon', 'npm', ['run', '--silent', 'build:native'])
  // make leaves a file alone that needs no change; it counts as new all the same.
  const now = new Date()
  for (const file of addons()) utimesSync(file, now, now)
}
for (const folder of COMPILED) removeStale(folder)
// Quick when nothing changed, so not worth a line then.
run(undefined, join('node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.json'])

function checkNode() {
  const [wantedMajor, wantedMinor] = readJson('package.json').engines.node.match(/\d+/g).map(Number)
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  fail(`Node ${wantedMajor}.${wantedMinor} or newer is needed, this is ${process.versions.node}`)
}

/** Whether every package of the lock file is there in its locked version; of the optional ones, those that are there. */
function isInstalled() {
  const installed = readJson(join('node_modules', '.package-lock.json'))?.packages
  if (!installed) return false
  const locked = Object.entries(readJson('package-lock.json').packages).filter(([path]) => path !== '')
  return locked.every(([path, { version, optional }]) =>
    installed[path] ? installed[path].version === version : optional,
  )
}

function isAddonFresh() {
  const built = addons().map(modifiedAt)
  if (built.length === 0) return false
  const native = join(ROOT, 'native')
  const sources = filesBelow(native).filter((file) => !file.startsWith(join(native, 'test')))
  return Math.max(...[join(ROOT, 'binding.gyp'), ...sources].map(modifiedAt)) <= Math.min(...built)
}

function addons() {
  return existsSync(ADDON_DIR)
    ? readdirSync(ADDON_DIR)
        .filter((name) => name.endsWith('.node'))
        .map((name) => join(ADDON_DIR, name))
    : []
}

/** node-gyp's own words for what is missing are long; these say what to install. */
function checkCompiler() {
  const tools = [
    { name: 'make', commands: [process.env.MAKE ?? 'make'] },
    { name: 'a C++ compiler', commands: [process.env.CXX ?? '', 'c++', 'g++', 'clang++'] },
    {
      name: 'python3, which node-gyp runs on',
      commands: [process.env.npm_config_python ?? '', 'python3', 'python'],
    },
  ]
  const missing = tools.filter(({ commands }) => !commands.some(isCommand)).map(({ name }) => name)
  if (missing.length === 0) return
  fail(
    `To build the addon, this machine lacks ${missing.join(' and ')}.\n` +
      `  Debian, Ubuntu: apt-get install g++ make python3\n` +
      `  macOS:          xcode-select --install`,
  )
}

function isCommand(command) {
  if (command === '') return false
  // CXX may hold arguments too ("ccache g++").
  return spawnSync(command.split(' ')[0], ['--version'], { stdio: 'ignore' }).error === undefined
}

/** A test whose source has gone would otherwise run for ever. */
function removeStale(folder) {
  for (const file of filesBelow(join(ROOT, 'dist', folder))) {
    const [, stem] = /^(.*?)(?:\.d\.ts|\.js|\.js\.map)$/.exec(file) ?? []
    if (stem && !existsSync(`${stem.replace(join(ROOT, 'dist'), ROOT)}.ts`)) rmSync(file)
  }
}

/** Runs a command and shows its output only when it failed; `what` is said on standard error. */
function run(what, command, args) {
  const startedAt = Date.now()
  if (what) process.stderr.write(`rollcall: ${what} (${command} ${args.join(' ')}) ... `)
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (status === 0) {
    if (what) process.stderr.write(`${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`)
    return
  }
  if (what) process.stderr.write('failed\n')
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`)
  fail(`${command} ${args.join(' ')} ended with ${error?.message ?? signal ?? `code ${status}`}`)
}

function fail(message) {
  process.stderr.write(`rollcall: ${message}\n`)
  process.exit(1)
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function filesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
}

function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
