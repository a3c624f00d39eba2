// Runs the compiled tests in two lanes side by side, since most of them wait for something: one after the other
// each file below a folder named `queue`, in a process of its own, since many of them talk to a ZooKeeper server;
// all others in one process. What a lane says is printed when its process has ended, and what failed once more at the end,
// where it is seen when only the end of a log is kept.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'

const LAST_WORDS = 2_000 // characters of a process that died without a report
const TESTS = join('dist', 'test')
const MOCHA = join('node_modules', 'mocha', 'bin', 'mocha.js')
const config = JSON.parse(readFileSync('.mocharc.json', 'utf8'))
const common = ['--no-config', '--timeout', String(config.timeout), '--enable-source-maps', '--forbid-only']

const files = readdirSync(TESTS, { recursive: true })
  .filter((name) => name.endsWith('.test.js'))
  .sort()
  .map((name) => join(TESTS, name))
const isOfQueues = (file) => dirname(file).split(sep).includes('queue')

// What the tests would install by themselves, one after the other: two package managers at once get in each
// other's way. Where something cannot be had, the tests that need it say so.
const NEEDS = { zookeeper: 'ZOOKEEPER', chromium: 'BROWSER', tmux: 'TMUX' }
for (const [script, name] of Object.entries(NEEDS)) {
  if (process.env[`ROLLCALL_TEST_${name}`] === 'skip') continue
  spawnSync(process.execPath, [join('scripts', 'needs', `${script}.mjs`)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

const totals = { passed: 0, failed: 0, pending: 0 }
const failures = []
await Promise.all([
  run(files.filter((file) => !isOfQueues(file))),
  (async () => {
    for (const file of files.filter(isOfQueues)) await run([file])
  })(),
])

for (const failure of failures) console.log(failure)
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.pending} skipped`)
process.exitCode = failures.length === 0 ? 0 : 1

async function run(some) {
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
  const count = (word) => Number(new RegExp(`^  (\\d+) ${word}`, 'm').exec(said)?.[1] ?? 0)
  totals.passed += count('passing')
  totals.failed += count('failing')
  totals.pending += count('pending')
  if (code === 0) return
  if (signal !== null) totals.failed++
  const report = said.search(/^ {2}\d+ failing$/m)
  const end = report < 0 ? said.slice(-LAST_WORDS) : said.slice(report)
  failures.push(
    `\n${some.length === 1 ? some[0] : `${some.length} files`}: ${signal ?? `exit ${code}`}\n\n${end}`,
  )
}
