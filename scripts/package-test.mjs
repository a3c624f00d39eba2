// Proves that what `npm pack` makes can be used: `npm run test:package`.
//
// The packed tarball is installed into an empty project with install scripts off and no compiler on the PATH, and
// used there as a user would: by require and by import, with types, as a command, on each Node that is
// supported and on the newest. Optional packages are missing: a board works, a queue says what to install.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fail, run } from './tools.mjs'

const NODES = ['20', '22', '24', 'latest']
const ALLOWED =
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|binding\.gyp|dist\/lib\/.*\.(js|d\.ts)|native\/(core|addon)\/[a-z0-9_]+\.(cc|h)|prebuilds\/(linux|darwin)-[a-z0-9]+\/[a-z.+]+\.node|docs\/[A-Z]+\.md|man\/rollcall\.1|assets\/[a-z./-]+)$/

const PROGRAM = `
const baseDir = fs.mkdtempSync(path.join(os.tmpdir(), 'rollcall-package-'))
const board = new Scoreboard({ baseDir, workerId: 'w', counters: { done: 'counter' } })
board.update({ job: 7 })
board.update('x'.repeat(5000))
board.counters.add('done')
assert.deepEqual([...board.readAll().keys()], ['w'])
assert.equal(board.totals().done, 1)
board.close()
for (const [url, name] of [['local:' + path.join(baseDir, 'q'), 'libsql'], ['zk://127.0.0.1:1/q', 'zookeeper']]) {
  await assert.rejects(WatchdogQueue.connect(url), (error) => error.message.includes('npm install ' + name) || assert.fail(error))
}
fs.rmSync(baseDir, { recursive: true })
console.log('used')
`
const BY_REQUIRE = `
const { Scoreboard, WatchdogQueue } = require('rollcall')
const [assert, fs, os, path] = ['node:assert/strict', 'node:fs', 'node:os', 'node:path'].map(require)
void (async () => {${PROGRAM}})()
`
const BY_IMPORT = `
import { Scoreboard, WatchdogQueue } from 'rollcall'
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
${PROGRAM}
`
const TYPED = `
import { Scoreboard, ScoreboardError, WatchdogQueue } from 'rollcall'
const board: Scoreboard = new Scoreboard({ baseDir: '/nowhere' })
const workers: ReadonlyMap<string, unknown> = board.readAll()
// @ts-expect-error: no such option
new Scoreboard({ baseDir: '/nowhere', slotz: 3 })
export const queue: Promise<WatchdogQueue> = WatchdogQueue.connect('local:/nowhere')
export { ScoreboardError, workers }
`

const home = mkdtempSync(join(tmpdir(), 'rollcall-package-test-'))
let checks = 0
try {
  const tarball = pack()
  lint(tarball)
  const nodes = NODES.map(installNode)
  const project = installPackage(tarball)
  checkTypes(project)
  for (const node of nodes) useWith(node, project)
  sayWithoutPrebuild(nodes[0], project)
  console.log(`${checks} passed, 0 failed`)
} finally {
  rmSync(home, { recursive: true, force: true })
}

function passed(what) {
  checks++
  console.log(`  ok  ${what}`)
}

/** The output of a command that must succeed. */
function output(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', ...options })
  if (status !== 0) fail(`${command} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`)
  return stdout
}

function pack() {
  for (const arch of ['x64', 'arm64']) {
    if (!existsSync(join('prebuilds', `linux-${arch}`)))
      run(process.execPath, ['scripts/prebuilds.mjs', arch])
  }
  const [{ filename, files, size, unpackedSize }] = Object.values(
    JSON.parse(output('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', home])),
  )
  const strange = files.map(({ path }) => path).filter((path) => !ALLOWED.test(path))
  if (strange.length > 0) fail(`the tarball has what no user needs: ${strange.join(', ')}`)
  for (const part of [
    'dist/lib/index.js',
    'dist/lib/index.d.ts',
    'dist/lib/cli/main.js',
    'prebuilds/linux-x64/rollcall.glibc.node',
  ]) {
    if (!files.some(({ path }) => path === part)) fail(`the tarball lacks ${part}`)
  }
  const share = (prefix) =>
    files.filter(({ path }) => path.startsWith(prefix)).reduce((sum, file) => sum + file.size, 0)
  const parts = ['prebuilds', 'dist', 'native', 'docs'].map(
    (part) => `${part} ${Math.round(share(part) / 1024)} KiB`,
  )
  passed(
    `tarball of ${files.length} files, ${size} bytes packed, ${unpackedSize} unpacked (${parts.join(', ')})`,
  )
  return join(home, filename)
}

/** Development tools of this check alone: too large to be in everybody's node_modules. */
function lint(tarball) {
  const tool = (name, ...args) => output('npx', ['--yes', name, ...args], { cwd: home })
  tool('publint@0.3', tarball, '--strict')
  passed('publint finds nothing')
  tool('@arethetypeswrong/cli@0.18', tarball, '--profile', 'node16')
  passed('arethetypeswrong finds nothing')
}

function installNode(version) {
  const folder = join(home, `node-${version}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{}')
  output('npm', ['install', '--no-audit', '--no-fund', `node@${version}`], {
    cwd: folder,
  })
  const node = join(folder, 'node_modules', '.bin', 'node')
  return { node, version: output(node, ['--version']).trim() }
}

function installPackage(tarball) {
  const project = join(home, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--omit=peer',
    '--omit=optional',
    tarball,
  ]
  output('npm', args, { cwd: project, env: bareEnvironment(process.execPath) })
  for (const name of ['libsql', 'zookeeper']) {
    if (existsSync(join(project, 'node_modules', name))) fail(`${name} is optional and was installed`)
  }
  writeFileSync(join(project, 'by-require.cjs'), BY_REQUIRE)
  writeFileSync(join(project, 'by-import.mjs'), BY_IMPORT)
  passed('installs without compiler and without install scripts')
  return project
}

/** A PATH with node, npm and what npm's own scripts call, and no compiler. */
function bareEnvironment(node) {
  const bin = mkdtempSync(join(home, 'bin-'))
  symlinkSync(resolve(node), join(bin, 'node'))
  for (const tool of ['npm', 'sh', 'env']) {
    const [found] = (process.env.PATH ?? '').split(':').filter((folder) => existsSync(join(folder, tool)))
    symlinkSync(join(found, tool), join(bin, tool))
  }
  return { HOME: process.env.HOME, TMPDIR: tmpdir(), PATH: bin, PREBUILDS_ONLY: '1' }
}

function checkTypes(project) {
  const folder = join(project, 'types')
  mkdirSync(folder)
  writeFileSync(join(folder, 'use.mts'), TYPED)
  writeFileSync(join(folder, 'use.cts'), TYPED)
  const types = join(project, 'node_modules', '@types')
  mkdirSync(types, { recursive: true })
  for (const name of ['@types/node', 'undici-types']) {
    cpSync(join('node_modules', name), join(project, 'node_modules', name), {
      recursive: true,
      dereference: true,
    })
  }
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
  output(resolve('node_modules/.bin/tsc'), [...options, 'use.mts', 'use.cts'], { cwd: folder })
  passed('types serve import and require')
}

function useWith({ node, version }, project) {
  const options = { cwd: project, env: bareEnvironment(node) }
  for (const program of ['by-require.cjs', 'by-import.mjs']) {
    if (!output(node, [program], options).includes('used')) fail(`${program} on Node ${version} did not end`)
    passed(`Node ${version}: ${program}`)
  }
  const main = join(project, 'node_modules', 'rollcall', 'dist', 'lib', 'cli', 'main.js')
  output(node, [main, '--help'], options)
  passed(`Node ${version}: the command`)
}

/** What somebody sees for whose machine there is no prebuild, and who has no compiler or lets no script run. */
function sayWithoutPrebuild({ node, version }, project) {
  const root = join(project, 'node_modules', 'rollcall')
  rmSync(join(root, 'prebuilds'), { recursive: true })
  const options = { cwd: project, encoding: 'utf8', env: bareEnvironment(node) }
  const { status, stderr } = spawnSync(node, ['by-require.cjs'], options)
  const isHelpful = status !== 0 && /no native addon for .*npm rebuild rollcall.*C\+\+ compiler/.test(stderr)
  if (!isHelpful) fail(`without a prebuild a user of Node ${version} is told: ${stderr}`)
  passed('without a prebuild the error says what to do')
}
