// Proves that what `npm pack` makes can be used: `npm run test:package`, which first compiles and makes the prebuilds.
//
// The packed tarball is installed into an empty project with install scripts off and no compiler on the PATH, and
// used there as a user would (scripts/proofs/package/): by require and by import, with types, as a command, on each Node that
// is supported, on the newest, and on 64-bit Arm under qemu-user. Optional packages are missing: a board works, the
// rest says what to install. At last its prebuilds are taken away, and it is built from the sources it ships.

import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { fail, locate, temporaryFolder } from '../tools.mjs'
import { installArmNode, installNode } from './nodes.mjs'

const { engines, version: ours } = JSON.parse(readFileSync('package.json', 'utf8'))
const OLDEST = `${engines.node.match(/\d+\.\d+/)[0]}.0`
const NODES = [OLDEST, '20', '22', '24', 'latest']
/** The oldest TypeScript that is promised to understand the types, the newest of each kind of compiler. */
const TYPESCRIPTS = ['5.0', '5', 'latest']
const ALLOWED =
  /^(package\.json|README\.md|LICENSE|(CHANGELOG|SECURITY)\.md|binding\.gyp|dist\/package\/.*\.js(\.map)?|dist\/lib\/.*\.d\.ts|scripts\/install\/[a-z]+\.mjs|native\/(core|addon|supervisor|zookeeper)\/[a-z0-9_]+\.(c|cc|h|js)|prebuilds\/(linux|darwin)-[a-z0-9]+\/([a-z_.+]+\.node|rollcall-supervisor)|prebuilds\/zookeeper-client\/(LICENSE|NOTICE)[a-z.-]*|docs\/([A-Z]+|(guide|integrations)\/[\w-]+)\.md|docs\/integrations\/[\w-]+\.(yml|json)|man\/rollcall\.1|assets\/[a-z./-]+)$/
const COMMAND = join('node_modules', '.bin', 'rollcall')
const supervisor = (arch) => `prebuilds/linux-${arch}/rollcall-supervisor`
const prebuild = (arch, addon = 'rollcall') => `prebuilds/linux-${arch}/${addon}.glibc.node`
const zookeeperPrebuild = (arch) => prebuild(arch, 'rollcall_zookeeper')

const home = temporaryFolder('package-test')
let checks = 0
const tarball = pack()
lint(tarball)
const project = installPackage(tarball)
checkTypes(project)
const server = await startServer()
for (const version of NODES) {
  const node = installNode(home, version)
  useWith(node, project)
  useServer(node, project)
  if (version === OLDEST || version === 'latest') endWorkers(node)
}
await server?.stop()
if (process.arch === 'x64') useWith(installArmNode(home, NODES[1]), project, 'arm64')
else console.log('   -  arm64 in the emulator: this machine is one itself')
runDemo(project)
buildFromPackedSources(project)
installOptional(project)
console.log(`${checks} passed, 0 failed`)

function passed(what) {
  checks++
  console.log(`  ok  ${what}`)
}

/** The output of a command that must succeed. */
function output(command, args, options = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', ...options })
  if (status === 0) return stdout
  fail(`${command} ${args.join(' ')}: ${error?.message ?? signal ?? `code ${status}`}\n${stdout}${stderr}`)
}

function pack() {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', home]
  const [{ filename, files, size, unpackedSize }] = Object.values(JSON.parse(output('npm', args)))
  const packed = files.map(({ path }) => path)
  const strange = packed.filter((path) => !ALLOWED.test(path))
  if (strange.length > 0) fail(`the tarball has what no user needs: ${strange.join(', ')}`)
  const addons = ['x64', 'arm64'].flatMap((arch) => [prebuild(arch), zookeeperPrebuild(arch)])
  const licences = ['LICENSE', 'NOTICE.txt', 'LICENSE-hashtable.txt']
  const wanted = [
    ...made(),
    ...addons,
    supervisor('x64'),
    supervisor('arm64'),
    ...licences.map((name) => `prebuilds/zookeeper-client/${name}`),
    'man/rollcall.1',
    'SECURITY.md',
  ]
  const missing = wanted.filter((path) => !packed.includes(path))
  if (missing.length > 0) fail(`the tarball lacks ${missing.join(', ')}`)
  const stale = packed.filter((path) => path.startsWith('dist/') && !wanted.includes(path))
  if (stale.length > 0) fail(`the tarball has what was compiled from no source: ${stale.join(', ')}`)

  const sizeOf = (part) =>
    files.filter(({ path }) => path.startsWith(part)).reduce((sum, file) => sum + file.size, 0)
  const parts = ['prebuilds', 'dist', 'native', 'docs'].map((part) => `${part} ${kibibytes(sizeOf(part))}`)
  passed(
    `tarball: ${files.length} files, ${kibibytes(size)} packed, ${kibibytes(unpackedSize)} unpacked (${parts.join(', ')})`,
  )
  return join(home, filename)
}

/** What is made of the sources in lib/: declarations by the compiler, all else by scripts/bundle.mjs. */
function made() {
  const names = readdirSync('lib', { recursive: true }).filter((name) => name.endsWith('.ts'))
  const declarations = names.map((name) => join('dist', 'lib', name.replace(/\.ts$/, '.d.ts')))
  const bundled = readdirSync(join('dist', 'package'), { recursive: true }).filter((name) =>
    /\.js(\.map)?$/.test(name),
  )
  return [...declarations, ...bundled.map((name) => join('dist', 'package', name))]
}

function kibibytes(bytes) {
  return `${Math.round(bytes / 1024)} KiB`
}

/** Development tools of this check alone: too large to be in everybody's node_modules. */
function lint(tarball) {
  const tool = (name, ...args) => output('npx', ['--yes', name, ...args], { cwd: home })
  const opinion = tool('publint@0.3', tarball, '--strict')
  if (!opinion.includes('All good!')) fail(`publint says\n${opinion}`)
  passed('publint finds nothing')
  tool('@arethetypeswrong/cli@0.18', tarball)
  passed('arethetypeswrong finds nothing')
}

function installPackage(tarball) {
  const project = join(home, 'project')
  cpSync(join('scripts', 'proofs', 'package'), project, { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  const env = bareEnvironment(process.execPath)
  output('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball], { cwd: project, env })
  const packages = Object.keys(JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')).packages)
  for (const name of ['autocannon', 'libsql', 'zookeeper', 'prom-client']) {
    if (packages.some((path) => path.endsWith(`node_modules/${name}`)))
      fail(`${name} is optional and was installed`)
  }
  passed(
    `npm install without compiler and scripts: ${packages.length - 1} packages, ${sizeBelow(join(project, 'node_modules'))}`,
  )
  output('npm', ['rebuild', 'rollcall'], { cwd: project, env })
  if (existsSync(join(project, 'node_modules', 'rollcall', 'build')))
    fail('the install script compiled something')
  passed('its install script has nothing to do')
  return project
}

function sizeBelow(folder) {
  const sizes = readdirSync(folder, { recursive: true }).map((name) => statSync(join(folder, name)))
  return kibibytes(sizes.filter((stat) => stat.isFile()).reduce((sum, { size }) => sum + size, 0))
}

/** A PATH with node, npm and what npm's own scripts call, and no compiler. */
function bareEnvironment(node) {
  const bin = mkdtempSync(join(home, 'bin-'))
  symlinkSync(resolve(node), join(bin, 'node'))
  for (const tool of ['npm', 'sh', 'env']) symlinkSync(locate(tool), join(bin, tool))
  return { HOME: process.env.HOME, TMPDIR: home, PATH: bin }
}

function checkTypes(project) {
  for (const end of ['mts', 'cts']) cpSync(join(project, 'types.ts'), join(project, `types.${end}`))
  const types = `@types/node@${OLDEST.split('.')[0]}`
  const install = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', types]
  output('npm', install, { cwd: project })
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node']
  // What careful users have: declarations are checked, too.
  const careful = ['--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false']
  const args = [...options, ...careful, 'types.mts', 'types.cts']
  output(resolve('node_modules/.bin/tsc'), args, { cwd: project })
  passed("types serve import and require, with this repository's TypeScript")
  for (const version of TYPESCRIPTS) {
    output('npx', ['--yes', '--package', `typescript@${version}`, 'tsc', ...args], { cwd: project })
    passed(`types serve import and require, with TypeScript ${version}`)
  }
}

function useWith(node, project, arch = process.arch) {
  const options = { cwd: project, env: bareEnvironment(node) }
  const where = `Node ${output(node, ['--version']).trim()} on ${arch}`
  use('by-require.cjs', where, prebuild(arch), options)
  use('by-import.mjs', where, prebuild(arch), options)
  const version = output(COMMAND, ['--version'], options).trim()
  if (version !== ours) fail(`rollcall --version says ${version} on ${where}`)
  passed(`${where}: the command`)
}

/** How processes and threads end is Node's own affair, which has changed between its versions. */
function endWorkers(node) {
  const mocha = ['node_modules/mocha/bin/mocha.js', '--no-config', '--timeout', '120000']
  output(process.execPath, [...mocha, join('dist', 'test', 'scoreboard', 'endings.test.js')], {
    env: { ...process.env, ROLLCALL_TEST_NODE: node },
  })
  passed(`Node ${output(node, ['--version']).trim()}: what is told of workers that end`)
}

/** A real ZooKeeper server, which takes clients in plain and over mutual TLS. */
async function startServer() {
  if (process.env.ROLLCALL_TEST_ZOOKEEPER === 'skip') return undefined
  const { startTlsZookeeper } = createRequire(import.meta.url)('../../dist/test/support/zookeeper-server.js')
  return startTlsZookeeper()
}

/** The scenario of the queue's ancestor against that server, by what is in the tarball alone. */
function useServer(node, project) {
  if (server === undefined) return console.log('   -  ZooKeeper: left out')
  const options = { cwd: project, env: bareEnvironment(node) }
  const where = `Node ${output(node, ['--version']).trim()}`
  const { ca, client } = server.certificates
  const urls = [`zk://${server.plain}/plain-${checks}`, `zks://${server.secure}/tls-${checks}`]
  const said = output('node', ['zookeeper.cjs', ...urls, ca, client.cert, client.key], options)
  if (!said.includes('used')) fail(`zookeeper.cjs on ${where} did not end`)
  passed(`${where}: a queue on a ZooKeeper server, in plain and over mutual TLS`)
}

/** Runs one of the programs, which is to load `addon`, and for a queue on a server its neighbour. */
function use(program, where, addon, options) {
  if (!output('node', [program, addon], options).includes('used')) fail(`${program} on ${where} did not end`)
  passed(`${where}: ${program}`)
}

/** A cluster, and the load that a package puts on it which is to be installed when the demo says so. */
function runDemo(project) {
  const options = { cwd: project, env: bareEnvironment(process.execPath) }
  const { status, stderr } = spawnSync(COMMAND, ['demo'], { ...options, encoding: 'utf8' })
  const [, remedy] = /Install it with: (npm install \w+)$/m.exec(stderr) ?? []
  if (status !== 69 || remedy === undefined) fail(`without autocannon the demo says ${stderr}`)
  output('sh', ['-c', `${remedy} --ignore-scripts --no-audit --no-fund`], options)
  const report = output(COMMAND, ['demo', '--seconds', '2', '--json'], options)
  const { requests, isClean } = JSON.parse(report)
  if (requests === 0 || !isClean) fail(`the demo says ${report}`)
  passed(`the demo: ${requests} requests`)
}

/** What a queue says is missing is all it takes. */
function installOptional(project) {
  const options = { cwd: project, env: bareEnvironment(process.execPath) }
  output('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', 'libsql'], options)
  use('queue.cjs', `with libsql, Node ${process.version}`, prebuild(process.arch), options)
}

/** Where there is no prebuild, and neither compiler nor script at first: what is said then, and that it helps. */
function buildFromPackedSources(original) {
  const project = join(home, 'without-prebuilds')
  cpSync(original, project, { recursive: true, verbatimSymlinks: true })
  rmSync(join(project, 'node_modules', 'rollcall', 'prebuilds'), { recursive: true })
  const options = { cwd: project, env: bareEnvironment(process.execPath) }
  const { status, stderr } = spawnSync('node', ['by-require.cjs'], { ...options, encoding: 'utf8' })
  const said =
    /^(?:CannotLoad \[)?Error\]?: rollcall has no native addon for .*: (npm .*) \(needs .* C\+\+ compiler\)$/m
  const [, remedy] = said.exec(stderr) ?? []
  if (status === 0 || remedy === undefined) fail(`without a prebuild a user is told: ${stderr}`)
  passed('without a prebuild the error says what to do')
  output('sh', ['-c', remedy], { cwd: project })
  use('by-require.cjs', 'built as the error says', 'build/Release/rollcall.node', options)
  output('sh', ['-c', 'npm install --ignore-scripts --no-audit --no-fund zookeeper@7.3.0'], options)
  output('sh', ['-c', remedy], { cwd: project })
  const addon = join('node_modules', 'rollcall', 'build', 'Release', 'rollcall_zookeeper.node')
  if (!existsSync(join(project, addon))) fail('with its sources the addon for ZooKeeper was not built')
  use(
    'by-require.cjs',
    'built with the sources of the ZooKeeper client',
    'build/Release/rollcall.node',
    options,
  )
}
