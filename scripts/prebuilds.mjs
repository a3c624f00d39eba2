// Makes the prebuilt addons that the package ships: `npm run prebuilds`, or `... -- x64` for one of them.
//
// Built in a copy of the sources, so that a developer's build/ stays as it is. Linux prebuilds carry their C++
// library with them and may need nothing of a C library newer than 2.31 (Debian 11, Ubuntu 20.04): this is
// checked for each symbol. One for musl takes a C++ library made for musl, which Debian has not (`musl-gcc -x c++`:
// "fatal error: vector: No such file or directory"): on Alpine, this same script makes it.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fail, findCommand, need, run, temporaryFolder } from './tools.mjs'

const NEWEST_GLIBC = [2, 31]
/** N-API addons do not depend on it; node-gyp wants to know which headers are meant. */
const NODE_TARGET = '20.19.0'
const SUPERVISOR = 'rollcall-supervisor'

const ARCHITECTURES = {
  x64: { prefix: process.arch === 'x64' ? '' : 'x86_64-linux-gnu-', package: 'g++-x86-64-linux-gnu' },
  arm64: { prefix: process.arch === 'arm64' ? '' : 'aarch64-linux-gnu-', package: 'g++-aarch64-linux-gnu' },
}

const isGlibc = process.report?.getReport().header.glibcVersionRuntime !== undefined
if (!isGlibc) {
  // macOS, Alpine: for this machine alone, without promises about a C library.
  run('npx', ['prebuildify', '--napi', '--strip', '--tag-libc', '--target', NODE_TARGET])
  // On Alpine the one for glibc does.
  if (process.platform === 'darwin') takeSupervisor('.', `darwin-${process.arch}`)
  takeZookeeper(
    '.',
    `${process.platform}-${process.arch}`,
    'strip',
    process.platform === 'darwin' ? '-Sx' : '--strip-all',
  )
  process.exit()
}
/** This machine's, and those there is a compiler for or one may be installed. */
const possible = Object.keys(ARCHITECTURES).filter(
  (arch) => process.getuid() === 0 || findCommand(`${ARCHITECTURES[arch].prefix}g++`) !== undefined,
)
const chosen = process.argv.length > 2 ? process.argv.slice(2) : possible
for (const arch of chosen) {
  if (!(arch in ARCHITECTURES)) fail(`no prebuild for ${arch}; there are x64 and arm64`, 64)
  build(arch)
}
console.log(
  'no prebuild for musl from here: there is no C++ library for it (Alpine makes its own: release.yml)',
)

function build(arch) {
  const { prefix, package: debian } = ARCHITECTURES[arch]
  need(`${prefix}g++`, [prefix === '' ? 'g++' : debian], () => findCommand(`${prefix}g++`))
  const copy = temporaryFolder('prebuild')
  for (const name of ['package.json', 'native']) {
    cpSync(name, join(copy, name), { recursive: true, filter: (path) => path !== join('native', 'test') })
  }
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
  writeFileSync(join(copy, 'binding.gyp'), JSON.stringify(portable()))
  const args = ['--napi', '--strip', '--strip-bin', `${prefix}strip`, '--tag-libc', '--target', NODE_TARGET]
  run(resolve('node_modules/.bin/prebuildify'), [...args, '--arch', arch], {
    cwd: copy,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      CC: `${prefix}gcc`,
      CXX: `${prefix}g++`,
      JOBS: 'max',
      npm_config_loglevel: 'error',
    },
  })
  takeZookeeper(copy, `linux-${arch}`, `${prefix}strip`, '--strip-all')
  mkdirSync(join('prebuilds', `linux-${arch}`), { recursive: true })
  for (const addon of ['rollcall', 'rollcall_zookeeper']) {
    const name = join('prebuilds', `linux-${arch}`, `${addon}.glibc.node`)
    checkSymbols(join(copy, name), `${prefix}objdump`)
    cpSync(join(copy, name), name)
    console.log(`${name}: ${statSync(name).size} bytes`)
  }
  takeSupervisor(copy, `linux-${arch}`)
}

/** The program that ends commands, from where node-gyp has built it. */
function takeSupervisor(root, platform) {
  const name = join('prebuilds', platform, SUPERVISOR)
  mkdirSync(join('prebuilds', platform), { recursive: true })
  cpSync(join(root, 'build', 'Release', SUPERVISOR), name)
  console.log(`${name}: ${statSync(name).size} bytes`)
}

/** prebuildify knows of one addon a package: puts the other one beside it, and what its client's licence asks for. */
function takeZookeeper(folder, platform, strip, stripFlag) {
  const prebuilds = join(folder, 'prebuilds', platform)
  const [first] = readdirSync(prebuilds).filter((name) => /^rollcall\..*node$/.test(name))
  const second = join(prebuilds, first.replace('rollcall', 'rollcall_zookeeper'))
  cpSync(join(folder, 'build', 'Release', 'rollcall_zookeeper.node'), second)
  run(strip, [stripFlag, second])
  const client = join(folder, 'build', 'zookeeper', 'zookeeper-client-c')
  for (const name of ['LICENSE', 'NOTICE.txt', 'LICENSE-hashtable.txt'])
    cpSync(join(client, name), join('prebuilds', 'zookeeper-client', name))
}

/** The binding.gyp of everybody, with what only a prebuild needs: it takes along of the C++ library what it uses. */
function portable() {
  const gyp = JSON.parse(readFileSync('binding.gyp', 'utf8'))
  const supervisor = gyp.targets.find(({ target_name: name }) => name === SUPERVISOR)
  // With its C library in it, so that one fits every Linux of this architecture, musl too.
  supervisor.cflags = ['-Os', '-ffunction-sections', '-fdata-sections']
  supervisor.ldflags = ['-static', '-s', '-Wl,--gc-sections']
  const board = gyp.targets.find(({ target_name: name }) => name === 'rollcall')
  const [[, { targets }]] = gyp.conditions
  for (const target of [board, ...targets]) {
    target.sources.push('native/prebuild/older_glibc.c')
    target.cflags = ['-ffunction-sections', '-fdata-sections']
    target.ldflags = ['-static-libstdc++', '-static-libgcc', '-Wl,--exclude-libs,ALL', '-Wl,--gc-sections']
  }
  return gyp
}

/** Fails where the addon needs a library that old systems lack, or a newer version of a symbol. */
function checkSymbols(file, objdump) {
  const dump = (...args) => execFileSync(objdump, [...args, file], { encoding: 'utf8' })
  const libraries = [...dump('-p').matchAll(/NEEDED\s+(\S+)/g)].map(([, name]) => name)
  const strange = libraries.filter((name) => !/^(libc|ld-linux.*|libm|libpthread|libdl)\.so\.\d+$/.test(name))
  if (strange.length > 0) fail(`${file} needs ${strange.join(', ')}`)
  const symbols = [...dump('-T').matchAll(/\*UND\*.*\bGLIBC_(\d+)\.(\d+)[.\d]*\)?\s+(\S+)/g)]
  if (symbols.length === 0) fail(`${objdump} shows no symbols of ${file}`)
  const isTooNew = ([, major, minor]) => Number(major) !== NEWEST_GLIBC[0] || Number(minor) > NEWEST_GLIBC[1]
  const newer = symbols.filter(isTooNew).map(([, major, minor, name]) => `${name} (${major}.${minor})`)
  if (newer.length > 0)
    fail(`${file} needs a C library newer than ${NEWEST_GLIBC.join('.')}: ${newer.join(', ')}`)
  const newest = Math.max(...symbols.map(([, , minor]) => Number(minor)))
  console.log(
    `linux: ${symbols.length} symbols of glibc, none newer than 2.${newest}; needs ${libraries.join(', ')}`,
  )
}
