// Fuzzes what reads a board, and what reads a queue: `npm run fuzz`, or `npm run fuzz -- --seconds 600 board`.
//
// Each target gets its share of the time. The corpus grows in native/test/out/fuzz from run to run and
// starts from real boards. An input that fails is written to native/test/fuzz/regressions/<target>:
// mend the code, give the file a name that says what it did, and commit it with the mend.
//
// `records` is JavaScript and a program of its own, fuzz-records.mjs: it needs the compiled library and no clang.
// A case that fails there is a number.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { atFixedAddresses, fail, needClang, run } from '../tools.mjs'

const TARGETS = {
  header: { what: 'the header of a board', maxBytes: 700, share: 1 },
  board: { what: 'opening, scanning and changing a board', maxBytes: 256, share: 3 },
  slots: { what: 'reading hostile slots', maxBytes: 256, share: 2 },
  records: { what: 'reading hostile trees and databases of a queue', share: 2 },
}
const HERE = join('native', 'test', 'fuzz')
const OUT = join('native', 'test', 'out', 'fuzz')

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, help: { type: 'boolean', short: 'h' } },
  allowPositionals: true,
})
const chosen = positionals.length > 0 ? positionals : Object.keys(TARGETS)
const seconds = Number(values.seconds)
const unknown = chosen.find((name) => !(name in TARGETS))
if (values.help || unknown !== undefined || !(seconds >= 1)) {
  console.error(`usage: npm run fuzz -- [--seconds N] [${Object.keys(TARGETS).join('] [')}]`)
  process.exit(values.help ? 0 : 64)
}

if (chosen.some((name) => name !== 'records')) {
  const clang = needClang()
  run('make', ['-s', '-C', HERE, `-j${availableParallelism()}`, `CXX=${clang}`])
  run(join(OUT, 'seeds'), [join(OUT, 'seed-inputs')])
}

const shares = chosen.reduce((sum, name) => sum + TARGETS[name].share, 0)
let total = 0
for (const name of chosen) {
  const limit = Math.max(1, Math.round((seconds * TARGETS[name].share) / shares))
  if (name === 'records')
    run(process.execPath, [join('scripts', 'proofs', 'fuzz-records.mjs'), '--seconds', String(limit)])
  else total += await fuzz(name, limit)
}
if (total > 0) console.log(`${total} executions, nothing found`)

/** Returns how many inputs were tried; ends the program when one failed. */
async function fuzz(name, limit) {
  const { what, maxBytes } = TARGETS[name]
  const corpus = join(OUT, 'corpus', name)
  const failures = join(HERE, 'regressions', name)
  mkdirSync(corpus, { recursive: true })
  const [command, ...before] = [...atFixedAddresses(), join(OUT, name)]
  const args = [
    ...before,
    `-max_total_time=${limit}`,
    `-max_len=${maxBytes}`,
    `-artifact_prefix=${failures}/`,
    '-print_final_stats=1',
    '-timeout=100',
    corpus,
    join(OUT, 'seed-inputs', name),
    failures,
  ]
  // A file system in memory where there is one: each input opens files.
  const env = { ...process.env, TMPDIR: process.env.TMPDIR ?? memory() }
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'pipe'], env })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log += text
  })
  const code = await new Promise((resolve) =>
    child.on('close', (status, signal) => resolve(signal ?? status)),
  )
  if (code !== 0) {
    console.error(log.slice(-8000))
    fail(`fuzzing ${what} ended with ${code}; the input that failed is in ${failures}`)
  }
  const executions = Number(/stat::number_of_executed_units:\s*(\d+)/.exec(log)?.[1])
  const coverage = /#\d+\s+DONE\s+cov: (\d+)/.exec(log)?.[1]
  console.log(
    `${name}: ${executions} executions in ${limit} s, ${coverage} edges of the core reached (${what})`,
  )
  return executions
}

function memory() {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
}
