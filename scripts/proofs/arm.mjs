// Runs the native tests and the board's mocha tests as 64-bit Arm programs under qemu-user: `npm run test:arm`.
//
// What this shows: that the instructions the compiler chooses for Arm do what they should, one by one, and
// that layout, locks, pidfds and futexes work there. What it cannot show: reordering. On an x86 machine
// the emulated processor is as strongly ordered as the real one; orderings are argued in docs/FORMAT.md,
// section 8, and checked by `npm run test:model`.
//
// The addon is the prebuild for linux-arm64, made with this machine's Node headers: those differ from one
// architecture to the next in config.gypi only, which Node-API addons do not look at. Node comes from npm.

import { cpSync, existsSync, readdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fail, run, runMocha, temporaryFolder } from '../tools.mjs'
import { installArmNode, needArmEmulator } from './nodes.mjs'

const PARTS = { native, mocha }

/** qemu-user does nothing for MADV_DONTFORK, so that a forked child keeps its parent's locks. */
const BEYOND_QEMU = [
  'a forked child does not inherit a lock',
  'totals stay exact while cleaners are SIGKILLed',
]

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS)
const unknown = chosen.find((name) => !(name in PARTS))
if (unknown !== undefined) fail(`no part ${unknown}; there are ${Object.keys(PARTS).join(', ')}`, 64)
const qemu = needArmEmulator()
for (const name of chosen) PARTS[name]()

function native() {
  run('make', ['-s', '-C', 'native/test', '-j2', 'CXX=aarch64-linux-gnu-g++', 'out/arm/test'])
  run(qemu, ['native/test/out/arm/test', ...BEYOND_QEMU.flatMap((words) => ['--without', words])])
}

function mocha() {
  if (!existsSync(join('prebuilds', 'linux-arm64'))) run(process.execPath, ['scripts/prebuilds.mjs', 'arm64'])
  const home = temporaryFolder('arm')
  const node = installArmNode(home, process.versions.node.split('.')[0])
  const copy = join(home, 'copy')
  for (const name of ['package.json', 'dist', 'prebuilds'])
    cpSync(name, join(copy, name), { recursive: true })
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
  const cli = [join('node_modules', 'mocha', 'bin', 'mocha.js'), '--no-config', '--timeout', '600000']
  const options = { cwd: copy, env: { ...process.env, PREBUILDS_ONLY: '1' } }
  runMocha(node, [...cli, ...boardTests(copy)], options)
}

function boardTests(root) {
  const names = /^(changes|claim|counters|hostile-board|options|overflow|scoreboard)\.test\.js$/
  const folder = join('dist', 'test', 'scoreboard')
  const board = readdirSync(join(root, folder)).filter((name) => names.test(name))
  return [
    ...board.map((name) => join(folder, name)),
    join('dist', 'test', 'queue', 'hostile-records.test.js'),
    join('dist', 'test', 'cli', 'supervisor.test.js'),
  ]
}
