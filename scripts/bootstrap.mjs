// Makes a fresh clone ready, each part only where something is missing or older than its sources:
//
//   node scripts/bootstrap.mjs demo    what `npm run demo` needs: few packages, the board's addon, the JavaScript of lib/
//   node scripts/bootstrap.mjs         what everything else needs: all packages, all addons, the compiled TypeScript
//
// Uses nothing but Node itself, and talks on standard error only: what it does, and how long that usually takes.

import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { missingTools } from './install/compiler.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const ADDON_DIR = join(ROOT, 'build', 'Release')
const COMPILED = ['lib', 'test', 'bench', 'examples']
const CI = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']

/** What the demo uses of the packages, beside what every user has; what these need comes with them. */
const OF_DEMO = [
  ...['autocannon', 'commander', 'esbuild', 'node-gyp'],
  ...Object.keys(readJson('package.json').dependencies),
]

checkNode()
if (process.argv[2] === 'demo') await prepareDemo()
else await prepareAll()

async function prepareDemo() {
  const wanted = lockedWith(OF_DEMO)
  if (!isInstalled(wanted)) {
    needCompiler()
    await step(`installing the ${Object.keys(wanted).length} packages of the demo`, 6, () =>
      installOnly(wanted),
    )
  }
  await together([
    step('bundling the JavaScript', undefined, () => run(process.execPath, ['scripts/bundle.mjs'])),
    buildAddons(['rollcall']),
  ])
}

async function prepareAll() {
  if (!isInstalled(lockedPackages())) {
    needCompiler()
    await step('installing the locked packages', 20, () => run('npm', CI))
  }
  await together([buildAddons(targets()), compile()])
}

async function compile() {
  for (const folder of COMPILED) removeStale(folder)
  // Quick when nothing changed, so not worth a line then.
  const isFirst = !existsSync(join(ROOT, 'dist', '.tsbuildinfo'))
  const tsc = () => run(join('node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.json'])
  await (isFirst ? step('compiling the TypeScript', 6, tsc) : tsc())
  await run(process.execPath, ['scripts/bundle.mjs'])
}

/** @param names which of binding.gyp's targets */
async function buildAddons(names) {
  if (areFresh(names)) return
  needCompiler()
  // By npm, which knows where this machine has Node's headers.
  const args = ['run', '--silent', 'build:native', '--', ...names]
  await step(`building the addon${names.length > 1 ? 's' : ''}`, names.length > 1 ? 20 : 10, () =>
    run('npm', args, { JOBS: 'max' }),
  )
  // make leaves a file alone that needs no change; it counts as new all the same.
  const now = new Date()
  for (const name of names) utimesSync(productOf(name), now, now)
}

function areFresh(names) {
  const native = join(ROOT, 'native')
  const sources = filesBelow(native).filter((file) => !file.startsWith(join(native, 'test')))
  const newest = Math.max(...[join(ROOT, 'binding.gyp'), ...sources].map(modifiedAt))
  return names.every((name) => modifiedAt(productOf(name)) >= newest)
}

/** All are addons but the program that ends commands. */
function productOf(target) {
  return join(ADDON_DIR, target === 'rollcall-supervisor' ? target : `${target}.node`)
}

/** What binding.gyp knows to build. */
function targets() {
  const text = readFileSync(join(ROOT, 'binding.gyp'), 'utf8')
  return [...text.matchAll(/["']target_name["']\s*:\s*["']([\w-]+)["']/g)].map(([, name]) => name)
}

function checkNode() {
  const [wantedMajor, wantedMinor] = readJson('package.json').engines.node.match(/\d+/g).map(Number)
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  fail(`Node ${wantedMajor}.${wantedMinor} or newer is needed, this is ${process.versions.node}`)
}

function needCompiler() {
  const missing = missingTools()
  if (missing !== undefined) fail(missing)
}

// ------------------------------------------------------------------ packages

/** The packages of the lock file by their paths, our own left out. */
function lockedPackages() {
  const { '': _, ...packages } = readJson('package-lock.json').packages
  return packages
}

/** Those with the given names and, all the way down, what these need. */
function lockedWith(names) {
  const all = lockedPackages()
  const wanted = {}
  const add = (name, from) => {
    // As Node looks for it: beside whoever needs it, then further up.
    for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
      const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
      if (path in wanted) return
      if (path in all) {
        wanted[path] = all[path]
        const { dependencies, optionalDependencies } = all[path]
        for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) add(next, path)
        return
      }
      if (folder === '') return
    }
  }
  for (const name of names) add(name, '')
  return wanted
}

/** Whether they are there in their locked versions; of the optional ones, those that are there. */
function isInstalled(locked) {
  const installed = readJson(join('node_modules', '.package-lock.json'))?.packages
  if (!installed) return false
  return Object.entries(locked).every(([path, { version, optional }]) =>
    installed[path] ? installed[path].version === version : optional,
  )
}

/** Installs these packages and no others, as npm does it for a project that has only these in its lock file. */
async function installOnly(packages) {
  const { name, version } = readJson('package.json')
  const dependencies = Object.fromEntries(
    OF_DEMO.map((one) => [one, packages[`node_modules/${one}`].version]),
  )
  const project = { name, version, dependencies }
  // Here, so that what it makes can be moved without a copy.
  const folder = mkdtempSync(join(ROOT, '.installing-'))
  const removeFolder = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', removeFolder)
  const lock = { name, version, lockfileVersion: 3, requires: true, packages: { '': project, ...packages } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  await run('npm', CI, {}, folder)
  rmSync(join(ROOT, 'node_modules'), { recursive: true, force: true })
  renameSync(join(folder, 'node_modules'), join(ROOT, 'node_modules'))
  removeFolder()
}

// ------------------------------------------------------------------ steps

/** Does one thing and says so: what, how long it usually takes on two cores, how long it took. */
async function step(what, usualSeconds, work) {
  const startedAt = Date.now()
  const usually = usualSeconds === undefined ? '' : `, usually ${usualSeconds} s`
  process.stderr.write(`rollcall: ${what}${usually} ...\n`)
  await work()
  process.stderr.write(`rollcall: ${what}: done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`)
}

/** What goes on at the same time; the first that fails ends this program, and with it the others. */
async function together(works) {
  await Promise.all(works)
}

/** Runs a command and shows its output only when it failed. */
async function run(command, args, env = {}, cwd = ROOT) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (said += text))
  const end = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `code ${code}`)))
  })
  const stop = () => child.kill()
  process.once('exit', stop)
  const why = await end
  process.removeListener('exit', stop)
  if (why === undefined) return
  process.stderr.write(said)
  fail(`${command} ${args.join(' ')} ended with ${why}`)
}

function fail(message) {
  process.stderr.write(`rollcall: ${message}\n`)
  process.exit(1)
}

// ------------------------------------------------------------------ files

/** A test whose source has gone would otherwise run for ever. */
function removeStale(folder) {
  for (const file of filesBelow(join(ROOT, 'dist', folder))) {
    const [, stem] = /^(.*?)(?:\.d\.ts|\.js|\.js\.map)$/.exec(file) ?? []
    if (stem && !existsSync(`${stem.replace(join(ROOT, 'dist'), ROOT)}.ts`)) rmSync(file)
  }
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
