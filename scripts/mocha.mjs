// Runs the compiled tests side by side, two processes more than there are cores, since most of them wait for something.
// Each file below a folder named `queue` has a process of its own, as many of them talk to a ZooKeeper server; the others
// have one for each room. With --native the tests of native/ are one more. What a process says is printed when it has
// ended, and what failed once more at the end, where it is seen when only the end of a log is kept.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, sep } from 'node:path'

const LAST_WORDS = 2_000 // characters of a process that died without a report
const TESTS = join('dist', 'test')
/** What takes longest, and so begins first. */
const LONG = [
  'scoreboard',
  'native',
  'page',
  'cli/queue/work-cases',
  'cli',
  'docs',
  'metrics',
  'queue/conformance',
  'queue/crash',
  'queue/store/zookeeper/lost-session',
  'queue/store/local/crash',
  'demo',
  'why',
]
const MOCHA = join('node_modules', 'mocha', 'bin', 'mocha.js')
const config = JSON.parse(readFileSync('.mocharc.json', 'utf8'))
const common = ['--no-config', '--timeout', String(config.timeout), '--enable-source-maps', '--forbid-only']

/** Name and files of what runs in one process. */
const jobs = new Map(process.argv.includes('--native') ? [['native', []]] : [])
for (const file of readdirSync(TESTS, { recursive: true }).sort()) {
  if (!file.endsWith('.test.js')) continue
  const isOfQueues = dirname(file).split(sep).includes('queue')
  const name = isOfQueues ? file.slice(0, -'.test.js'.length) : dirname(file).split(sep)[0]
  jobs.set(name, [...(jobs.get(name) ?? []), join(TESTS, file)])
}

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
const rank = (name) => (LONG.includes(name) ? LONG.indexOf(name) : LONG.length)
const waiting = [...jobs.keys()].sort((a, b) => rank(a) - rank(b))
await Promise.all(
  Array.from({ length: availableParallelism() + 2 }, async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await run(name)
  }),
)

for (const failure of failures) console.log(failure)
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.pending} skipped`)
process.exitCode = failures.length === 0 ? 0 : 1

async function run(name) {
  const begin = performance.now()
  const [command, ...args] =
    name === 'native'
      ? ['make', '-s', '-C', join('native', 'test'), 'check']
      : [process.execPath, '--enable-source-maps', MOCHA, ...common, ...jobs.get(name)]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const [code, signal] = await once(child, 'close')
  process.stdout.write(`${said}(${name}: ${Math.round((performance.now() - begin) / 1000)} s)\n`)
  const count = (word) =>
    [...said.matchAll(new RegExp(`^ *(\\d+) ${word}`, 'gm'))].reduce(
      (sum, [, number]) => sum + Number(number),
      0,
    )
  totals.passed += name === 'native' ? count('passed') : count('passing')
  totals.failed += Math.max(count('failing'), code === 0 ? 0 : 1)
  totals.pending += count('pending')
  if (code === 0) return
  const report = said.search(/^ {2}\d+ failing$/m)
  const end = report < 0 ? said.slice(-LAST_WORDS) : said.slice(report)
  failures.push(`\n${name}: ${signal ?? `exit ${code}`}\n\n${end}`)
}
