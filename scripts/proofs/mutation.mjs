// Mutation tests of what must be right by itself: the state of a page, its ranges, its codec, the pages, the
// codec of a status: `npm run test:mutation`, or some files: `... -- lib/queue/page-state/ranges.ts`.
//
// Stryker changes one operator, condition or value after the other, and each change must make a unit test fail.
// A change that no test notices fails this run, unless mutation/survivors.json says why it changes nothing. Only
// the tests named in mutation/stryker.config.json are run, which need no server, no process and no addon.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, installOwn, run } from '../tools.mjs'

const FOLDER = join('scripts', 'proofs', 'mutation')
const STRYKER = join(FOLDER, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js')
const config = readJson(join(FOLDER, 'stryker.config.json'))
const files = process.argv.slice(2)
const unknown = files.find((file) => !config.mutate.includes(file))
if (unknown !== undefined) {
  console.error(`usage: npm run test:mutation -- [FILE ...]; FILE is one of\n  ${config.mutate.join('\n  ')}`)
  process.exit(/^(-h|--help)$/.test(unknown) ? 0 : 64)
}

installOwn(FOLDER)
const chosen = files.length > 0 ? ['--mutate', files.join(',')] : []
run(process.execPath, [STRYKER, 'run', join(FOLDER, 'stryker.config.json'), ...chosen])

const explained = readJson(join(FOLDER, 'survivors.json'))
const seen = new Set()
const totals = { killed: 0, explained: 0, unexplained: 0 }
const report = readJson(config.jsonReporter.fileName)
for (const [file, { source, mutants }] of Object.entries(report.files)) {
  for (const mutant of mutants) judge(file, source, mutant)
}
for (const one of explained) {
  if (!(one.file in report.files) || seen.has(one)) continue
  console.error(`${one.file}: explained, but killed or gone: ${one.code} -> ${one.mutant}`)
}
const { killed, unexplained } = totals
console.log(`${killed} killed, ${totals.explained} survived as explained, ${unexplained} survived`)
if (unexplained > 0)
  fail(`${unexplained} changes that no test notices; build/mutation/report.html shows them`)

function judge(file, source, { status, location, replacement }) {
  if (status === 'Killed' || status === 'Timeout') totals.killed++
  if (status !== 'Survived' && status !== 'NoCoverage') return
  const code = between(source, location)
  const reason = explained.find((one) => one.file === file && one.code === code && one.mutant === replacement)
  totals[reason ? 'explained' : 'unexplained']++
  if (reason) seen.add(reason)
  else console.error(`${file}:${location.start.line}: no test notices ${code} -> ${replacement}`)
}

/** The text of a location, whose lines and columns count from one. */
function between(source, { start, end }) {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  const last = lines.pop().slice(0, end.column - 1)
  return [...lines, last].join('\n').slice(start.column - 1)
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}
