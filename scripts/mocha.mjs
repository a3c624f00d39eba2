// Runs the compiled tests in two lanes side by side, since most of them wait for something: those of the
// board in one process, and one after the other each file that talks to a ZooKeeper server, in a process
// of its own. What a lane says is printed when its process has ended.
//
// The process of the tests that cut connections on purpose was once ended by SIGABRT, without a word from
// anybody: most likely libuv, which aborts when it is handed a socket that is closed already, as the
// native client of npm `zookeeper` may do when a connection breaks. That is no result of a test. So a
// file that ended so, and only so, is run once more, and this is said.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
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
await Promise.all([
  run(files.filter((file) => !talksToServer(file))),
  (async () => {
    for (const file of files.filter(talksToServer)) await run([file])
  })(),
])

console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.pending} skipped`)
process.exitCode = exitCode

async function run(some, again = false) {
  if (some.length === 0) return
  const child = spawn(process.execPath, ['--enable-source-maps', MOCHA, ...common, ...some], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const [code, signal] = await once(child, 'close')
  process.stdout.write(said)
  // 134 where mocha, asked for options of Node's, has started a Node of its own.
  const isAbort = signal === 'SIGABRT' || code === 134
  if (isAbort && some.length === 1 && !again) {
    console.log(`\n${some[0]} was ended by SIGABRT; once more\n`)
    await run(some, true)
    return
  }
  const count = (word) => Number(new RegExp(`^  (\\d+) ${word}`, 'm').exec(said)?.[1] ?? 0)
  totals.passed += count('passing')
  totals.failed += count('failing')
  totals.pending += count('pending')
  if (code === 0) return
  exitCode = 1
  if (signal !== null) totals.failed++
  console.log(`\n${some.join(' ')}: ${signal ?? `exit ${code}`}\n`)
}
