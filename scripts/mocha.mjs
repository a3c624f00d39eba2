// Runs the compiled tests: those of the board in one process, each file that talks to a ZooKeeper server in
// a process of its own.
//
// The process of the tests that cut connections on purpose was once ended by SIGABRT, without a word from
// anybody: most likely libuv, which aborts when it is handed a socket that is closed already, as the
// native client of npm `zookeeper` may do when a connection breaks. That is no result of a test. So a
// file that ended so, and only so, is run once more, and this is said.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const TESTS = join('dist', 'test')
const MOCHA = join('node_modules', 'mocha', 'bin', 'mocha.js')
const config = JSON.parse(readFileSync('.mocharc.json', 'utf8'))
const common = ['--no-config', '--timeout', String(config.timeout), '--enable-source-maps', '--forbid-only']

const files = readdirSync(TESTS)
  .filter((name) => name.endsWith('.test.js'))
  .sort()
  .map((name) => join(TESTS, name))
const talksToServer = (file) =>
  /zookeeper-server|helpers\/queue|helpers\/fleet|queue-conformance/.test(readFileSync(file, 'utf8'))

const totals = { passed: 0, failed: 0, pending: 0 }
let exitCode = 0
run(files.filter((file) => !talksToServer(file)))
for (const file of files.filter(talksToServer)) run([file])

console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.pending} skipped`)
process.exitCode = exitCode

function run(some, again = false) {
  if (some.length === 0) return
  // mocha's own program starts another one when it gets Node's options; here it must be the one that we see end.
  const result = spawnSync(process.execPath, ['--enable-source-maps', MOCHA, ...common, ...some], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  })
  process.stdout.write(result.stdout ?? '')
  const isAbort = result.signal === 'SIGABRT' || result.status === 134
  if (isAbort && some.length === 1 && !again) {
    console.log(`\n${some[0]} was ended by SIGABRT inside the ZooKeeper client; once more\n`)
    run(some, true)
    return
  }
  for (const [name, word] of [
    ['passed', 'passing'],
    ['failed', 'failing'],
    ['pending', 'pending'],
  ]) {
    totals[name] += Number(new RegExp(`^  (\\d+) ${word}`, 'm').exec(result.stdout ?? '')?.[1] ?? 0)
  }
  if (result.status === 0) return
  exitCode = 1
  if (result.signal !== null) totals.failed++
  console.log(`\n${some.join(' ')}: ${result.signal ?? `exit ${result.status}`}\n`)
}
