// Checks the Promela models of native/test/models with spin: `npm run test:model`, or one: `... -- latch`.
//
// Each model must hold, and must fail with each step or ordering taken away that its first comment names: a
// model that cannot fail shows nothing.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fail, findCommand, need, temporaryFolder } from '../tools.mjs'

const MODELS = join('native', 'test', 'models')

const spin = need('spin', ['spin', 'gcc', 'libc6-dev'], () => findCommand('spin'))
const compiler = need('a C compiler', ['gcc', 'libc6-dev'], () => findCommand('cc', 'gcc', 'clang'))
const all = readdirSync(MODELS).map((file) => file.replace(/\.pml$/, ''))
const chosen = process.argv.length > 2 ? process.argv.slice(2) : all
const unknown = chosen.find((name) => !all.includes(name))
if (unknown !== undefined) fail(`no model ${unknown}; there are ${all.join(', ')}`, 64)

const scratch = temporaryFolder('model')
let passed = 0
let failed = 0
for (const name of chosen) {
  const file = resolve(MODELS, `${name}.pml`)
  const variants = /Must fail with:((?: [A-Z_]+)+)/.exec(readFileSync(file, 'utf8'))?.[1]?.trim().split(' ')
  if (variants === undefined) fail(`${file} names no variant that must fail`)
  report(name, undefined, check(file, undefined))
  for (const variant of variants) report(name, variant, check(file, variant))
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

/** Searches all states, or up to the first error. */
function check(file, variant) {
  const call = (command, ...args) => {
    const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: scratch, encoding: 'utf8' })
    if (status !== 0) fail(`${command} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`)
    return stdout
  }
  call(spin, ...(variant ? [`-D${variant}`] : []), '-a', file)
  call(compiler, '-O2', '-w', '-DSAFETY', '-DCOLLAPSE', '-o', 'pan', 'pan.c')
  const log = call(join(scratch, 'pan'), '-m1000000')
  if (/max search depth too small|out of memory/i.test(log))
    fail(`the search of ${file} was cut short:\n${log}`)
  return {
    errors: Number(/errors: (\d+)/.exec(log)[1]),
    states: Number(/(\d+) states, stored/.exec(log)[1]),
    why: /pan:1: (.*) \(at depth \d+\)/.exec(log)?.[1],
  }
}

function report(name, variant, { errors, states, why }) {
  const isRight = errors > 0 === (variant !== undefined)
  if (isRight) passed++
  else failed++
  const what = variant === undefined ? 'holds' : `fails with ${variant}`
  const found = errors > 0 ? `after ${states} states: ${why}` : `in all of its ${states} states`
  console.log(`  ${isRight ? 'ok' : 'NOT SO:'}  ${name} ${what} (${found})`)
}
