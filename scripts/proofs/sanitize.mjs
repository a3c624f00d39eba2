// Runs the tests under sanitizers and valgrind: `npm run test:sanitize`, or parts: `... -- addon valgrind`.
//
//   core       the native tests with ASan, UBSan and LSan, and with TSan (`npm run test:native`)
//   valgrind   the native tests without sanitizers, under memcheck
//   addon      the addon itself with AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer, in a copy of
//              the package, under the board's mocha tests; the runtime is loaded before Node
//   zookeeper  the addon for ZooKeeper likewise, its C client too, under tests with a real server; and 10,000 connects,
//              watches and closes, after which nothing may be left
//
// Nothing is suppressed. Parts of the addon's tests: `... -- addon --tests 'watch|threads'`.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { atFixedAddresses, fail, findCommand, need, run, runMocha, temporaryFolder } from '../tools.mjs'

const PARTS = { core, valgrind, addon, zookeeper }

/** The mocha tests that load the addon and need no server, no terminal and no disk of their own. */
const BOARD_TESTS =
  'changes|claim|counters|counters-crash|crash|hearts|hostile-board|options|overflow|scoreboard|supervisor|threads|watch'

/** Those that open and lose sessions in every way. */
const SESSION_TESTS = ['addresses', 'network', 'threads', 'tls']
const LEAK_ROUNDS = 10_000

/** Valgrind 3.19 knows no pidfd_open, so these see none, and it lets no program lower its limit of descriptors. */
const BEYOND_VALGRIND = [
  'a death is seen through the pidfd at once',
  'watching costs one descriptor a process',
  'a fork that holds copies of the pidfds',
  'readers leave a quarter of the descriptors',
  'a reader that has no descriptors left',
  'where descriptors are exhausted',
]

const { values, positionals } = parseArgs({
  options: { tests: { type: 'string', default: BOARD_TESTS } },
  allowPositionals: true,
})
const chosen = positionals.length > 0 ? positionals : Object.keys(PARTS)
const unknown = chosen.find((name) => !(name in PARTS))
if (unknown !== undefined) fail(`no part ${unknown}; there are ${Object.keys(PARTS).join(', ')}`, 64)
for (const name of chosen) {
  console.log(`== ${name}`)
  PARTS[name]()
}
console.log(`${chosen.length} passed, 0 failed`)

function core() {
  run('make', ['-s', '-C', 'native/test', 'check'])
}

function valgrind() {
  const command = need('valgrind', ['valgrind', 'libc6-dbg'], () => findCommand('valgrind'))
  run('make', ['-s', '-C', 'native/test', '-j2', 'out/plain/test'])
  const checks = [
    '--error-exitcode=9',
    '--leak-check=full',
    '--show-leak-kinds=definite',
    '--trace-children=no',
  ]
  const manner = ['--errors-for-leak-kinds=definite', '--quiet', '--fair-sched=yes']
  const without = BEYOND_VALGRIND.flatMap((words) => ['--without', words])
  run(command, [...checks, ...manner, 'native/test/out/plain/test', ...without], {
    env: { ...process.env, ROLLCALL_TEST_PIDFD: 'none' },
  })
}

function addon() {
  sanitized(boardTests)
}

function zookeeper() {
  sanitized(() =>
    SESSION_TESTS.map((name) => join('dist', 'test', 'queue', 'store', 'zookeeper', `${name}.test.js`)),
  )
  run(process.execPath, [
    '--expose-gc',
    join('dist', 'test', 'programs', 'zookeeper-leak.js'),
    String(LEAK_ROUNDS),
  ])
}

/** @param tests the files to run in a copy of the package with sanitized addons */
function sanitized(tests) {
  const copy = temporaryFolder('sanitize')
  buildSanitized(copy)
  const reports = join(copy, 'reports')
  mkdirSync(reports)
  process.prependListener('exit', () => {
    for (const name of readdirSync(reports)) console.error(readFileSync(join(reports, name), 'utf8'))
  })
  for (const file of tests(copy)) {
    testSanitized(copy, file, reports)
    const count = readdirSync(reports).length
    if (count > 0) fail(`${count} reports of sanitizers in ${file}`)
  }
}

function buildSanitized(copy) {
  const flags =
    '-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1'
  for (const name of [
    'package.json',
    'binding.gyp',
    'native',
    'dist',
    'examples',
    'scripts',
    'README.md',
    'docs',
  ]) {
    cpSync(name, join(copy, name), {
      recursive: true,
      filter: (path) => path !== join('native', 'test', 'out'),
    })
  }
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
  run('npx', ['node-gyp', 'configure', 'build', '--silent'], {
    cwd: copy,
    // A child that shares its parent's memory is not for sanitizers.
    env: {
      ...process.env,
      CFLAGS: `${flags} -DROLLCALL_FORK`,
      CXXFLAGS: flags,
      LDFLAGS: '-fsanitize=address,undefined',
    },
  })
}

/**
 * AddressSanitizer's reports go to files: that of a child which its test would have killed anyway must not be missed.
 * UndefinedBehaviorSanitizer writes to stderr and ends the process.
 */
function testSanitized(copy, file, reports) {
  // What a program leaves to the system when it calls process.exit() is Node's whole heap and no leak. The program
  // that runs the tests does not: it frees everything, so that whatever LeakSanitizer finds there is ours.
  const children = join(copy, 'children.cjs')
  writeFileSync(children, "process.env.ASAN_OPTIONS += ':detect_leaks=0'\n")
  const [command, ...before] = [...atFixedAddresses(), process.execPath]
  const mocha = [join('node_modules', 'mocha', 'bin', 'mocha.js'), '--no-config', '--timeout', '600000']
  const asan = ['detect_leaks=1', 'handle_segv=0', 'allocator_may_return_null=1', 'exitcode=99']
  runMocha(command, [...before, ...mocha, '--require', children, file], {
    cwd: copy,
    env: {
      ...process.env,
      LD_PRELOAD: execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim(),
      ASAN_OPTIONS: [...asan, `log_path=${join(reports, 'asan')}`].join(':'),
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
      ROLLCALL_TEST_KILLS: '30',
    },
  })
}

function boardTests(root) {
  const names = new RegExp(`^(${values.tests})\\.test\\.js$`)
  const folder = join(root, 'dist', 'test', 'scoreboard')
  const files = readdirSync(folder).filter((name) => names.test(name))
  if (files.length === 0 && !names.test('supervisor.test.js'))
    fail(`no compiled tests in ${folder} for '${values.tests}': npm run build:ts`)
  const ofSupervisor = names.test('supervisor.test.js')
    ? [join('dist', 'test', 'cli', 'supervisor.test.js')]
    : []
  return [...files.map((name) => join('dist', 'test', 'scoreboard', name)), ...ofSupervisor]
}
