// Runs the tests under sanitizers and valgrind: `npm run test:sanitize`, or parts: `... -- addon tsan valgrind`.
//
//   addon      the addon itself with AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer, in a copy of
//              the package, under the board's mocha tests; the runtime is loaded before Node
//   core       the native tests with ASan, UBSan and LSan, and with TSan (`npm run test:native`)
//   valgrind   the native tests without sanitizers, under memcheck

import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { atFixedAddresses, fail, findCommand, need, run, runMocha } from './tools.mjs'

const PARTS = { core, valgrind, addon }
const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS)
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
  const options = [
    '--error-exitcode=9',
    '--leak-check=full',
    '--errors-for-leak-kinds=definite',
    '--trace-children=no',
  ]
  const quiet = ['--quiet', '--fair-sched=yes', '--child-silent-after-fork=yes']
  run(command, [...options, ...quiet, 'native/test/out/plain/test'])
}

function addon() {
  const copy = mkdtempSync(join(tmpdir(), 'rollcall-sanitize-'))
  const flags =
    '-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1'
  try {
    for (const name of ['package.json', 'binding.gyp', 'native', 'dist', 'examples', 'README.md', 'docs']) {
      cpSync(name, join(copy, name), {
        recursive: true,
        filter: (path) => path !== join('native', 'test', 'out'),
      })
    }
    symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
    run('npx', ['node-gyp', 'configure', 'build', '--silent'], {
      cwd: copy,
      env: { ...process.env, CXXFLAGS: flags, LDFLAGS: '-fsanitize=address,undefined' },
    })
    const runtime = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
    const suppressions = resolve('native/test/lsan-suppressions.txt')
    const [command, ...before] = [...atFixedAddresses(), process.execPath]
    const mocha = [join('node_modules', 'mocha', 'bin', 'mocha.js'), '--no-config', '--timeout', '600000']
    runMocha(command, [...before, ...mocha, ...boardTests(copy)], {
      cwd: copy,
      env: {
        ...process.env,
        LD_PRELOAD: runtime,
        // Node frees little when it ends; what is not named in the suppressions would be ours.
        ASAN_OPTIONS: 'detect_leaks=1:handle_segv=0:allocator_may_return_null=1:exitcode=99',
        LSAN_OPTIONS: `suppressions=${suppressions}:print_suppressions=0`,
        UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
      },
    })
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** The mocha tests that load the addon and need no server and no terminal. */
function boardTests(root) {
  const names =
    /^(changes|counters|counters-crash|hostile-board|overflow|scoreboard.*|threads|watch)\.test\.js$/
  const folder = join(root, 'dist', 'test')
  const files = readdirSync(folder).filter((name) => names.test(name))
  if (files.length === 0) fail(`no compiled tests in ${folder}: npm run build:ts`)
  return files.map((name) => join('dist', 'test', name))
}
