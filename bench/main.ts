// npm run bench: measures rollcall beside its limits and beside what people use instead.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { chartOf } from './harness/chart'
import { concludeConditions, conditionsOf } from './harness/conditions'
import { chooseCores, pinSelf } from './harness/machine'
import { putFigures } from './harness/markdown'
import type { Row, Subject } from './harness/plan'
import { barsText, conditionsText, rowText } from './harness/report'
import type { RunResult } from './harness/results'
import { Runner } from './harness/runner'
import { buildNative, installRivals } from './harness/setup'
import { SUBJECTS } from './harness/subjects'

interface Options {
  only?: string[]
  quick?: true
  rounds?: number
  dir?: string
  rivals: boolean
  json?: string
  svg?: string
  markdown?: string
  strict?: true
  list?: true
}

interface Chosen {
  subject: Subject
  row: Row
}

function positiveInteger(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number above 0.')
  return value
}

function names(text: string): string[] {
  const all = SUBJECTS.flatMap(({ name, rows }) => [name, ...rows.map(({ id }) => `${name}/${id}`)])
  const wanted = text.split(',').map((name) => name.trim())
  for (const name of wanted) {
    if (!all.includes(name))
      throw new InvalidArgumentError(`There is no '${name}'. There are: ${all.join(', ')}.`)
  }
  return wanted
}

function readOptions(): Options {
  return new Command('npm run bench --')
    .description('Measures rollcall beside its limits and its rivals, each trial in a process of its own.')
    .option('--only <names>', 'subjects or rows, with commas between them (see --list)', names)
    .option(
      '--quick',
      'under a minute: fewer and shorter rounds, fewer rows, judges no bar of a larger size, installs nothing',
    )
    .option(
      '--rounds <n>',
      'how often each trial runs (default 3, quick 1), and each pair (5, quick 3)',
      positiveInteger,
    )
    .option('--dir <directory>', 'where the boards are made (default: /dev/shm where there is one)')
    .option('--no-rivals', 'only rollcall and its limits')
    .option('--json <file>', 'write all figures to a file')
    .option('--svg <file>', 'draw the main figures into a file')
    .option('--markdown <file>', 'put the tables between the marks in a document')
    .option('--strict', 'end with code 1 when a bar is missed')
    .option('--list', 'say what there is to measure, and measure nothing')
    .addHelpText('after', '\nExample:\n  npm run bench -- --only update,read/1024 --json figures.json')
    .parse()
    .opts<Options>()
}

function choose({ only, quick }: Options): Chosen[] {
  return SUBJECTS.flatMap((subject) =>
    subject.rows
      .filter(({ id, slow }) => {
        if (only !== undefined) return only.includes(subject.name) || only.includes(`${subject.name}/${id}`)
        return !(quick && slow)
      })
      .map((row) => ({ subject, row })),
  )
}

function list(): void {
  for (const { name, title, rows } of SUBJECTS) {
    console.log(`${name}: ${title}`)
    for (const { id, what, slow } of rows)
      console.log(`  ${name}/${id}: ${what}${slow ? ' (not with --quick)' : ''}`)
  }
}

function parentDirectory({ dir }: Options): string {
  if (dir !== undefined) return path.resolve(dir)
  return fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir()
}

/** A line that is written over, where somebody is looking; nothing elsewhere. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

async function measure(chosen: readonly Chosen[], options: Options, directory: string): Promise<RunResult> {
  const { quick = false } = options
  const cores = chooseCores()
  const run: RunResult = { conditions: conditionsOf(directory, cores), rivals: {}, rows: [] }
  const runner = new Runner({
    directory,
    rounds: options.rounds ?? (quick ? 1 : 3),
    pairRounds: options.rounds ?? (quick ? 3 : 5),
    budgetMs: quick ? 50 : 300,
    quick,
    rivals: options.rivals,
    cores,
    say: progress,
  })
  process.once('SIGINT', () => void interrupt(runner, directory, 'SIGINT'))
  process.once('SIGTERM', () => void interrupt(runner, directory, 'SIGTERM'))
  pinSelf(cores.other)
  console.log(`${conditionsText(run)}\n`)
  try {
    for (const { subject, row } of chosen) {
      const result = await runner.run(subject, row)
      run.rows.push(result)
      progress('')
      console.log(`${rowText(result)}\n`)
    }
  } finally {
    await runner.close()
  }
  run.rivals = runner.rivals
  concludeConditions(run.conditions)
  return run
}

async function interrupt(runner: Runner, directory: string, signal: NodeJS.Signals): Promise<void> {
  await runner.close()
  fs.rmSync(directory, { recursive: true, force: true })
  process.kill(process.pid, signal)
}

function conclude(run: RunResult, { json, svg, markdown, strict }: Options): void {
  const bars = run.rows.flatMap((row) => row.bars)
  if (run.rows.length > 1 && bars.length > 0) console.log(`${barsText(bars)}\n`)
  for (const [rival, what] of Object.entries(run.rivals)) console.log(`${rival}: ${what}`)
  console.log(`load: ${run.conditions.load}`)
  if (json !== undefined) fs.writeFileSync(json, `${JSON.stringify(run, null, 2)}\n`)
  if (svg !== undefined) fs.writeFileSync(svg, chartOf(run))
  if (markdown !== undefined) putFigures(markdown, run)
  const failed = run.rows.some(({ trials }) => trials.some((trial) => trial.failed))
  const missed = strict && bars.some(({ verdict }) => verdict === 'misses' || verdict === 'not measured')
  process.exitCode = failed || missed ? 1 : 0
}

async function main(): Promise<void> {
  const options = readOptions()
  if (options.list) return list()
  const chosen = choose(options)
  buildNative(console.error)
  if (options.rivals && !options.quick) installRivals(console.error)
  const directory = fs.mkdtempSync(path.join(parentDirectory(options), 'rollcall-bench-'))
  try {
    conclude(await measure(chosen, options, directory), options)
  } finally {
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
