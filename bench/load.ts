// What it costs to have rollcall in a program at all: time and memory of loading it, and a whole command. Each sample is
// a process of its own, beside one that loads the addon alone, and plain Node.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Scoreboard } from '../lib'
import { CHILDREN_DIR, ROOT } from './harness/paths'
import type { Measurement, Stage, StageContext, Subject, Trial, TrialParams, Unit } from './harness/plan'

const SAMPLES = { quick: 7, full: 25 }
const WORKERS = 8

const ADDON = path.join(CHILDREN_DIR, 'addon-alone.js')
const { main, bin } = require(path.join(ROOT, 'package.json')) as { main: string; bin: { rollcall: string } }
const PACKAGE = path.join(ROOT, main)
const COMMAND = path.join(ROOT, bin.rollcall)

/** Milliseconds and bytes of resident memory that one process needed for it. */
interface Load {
  ms: number
  bytes: number
}

type Way = 'require' | 'import'

const PROGRAMS: Record<Way, (file: string) => string[]> = {
  require: (file) => ['-e', measured(`require(${JSON.stringify(file)})`)],
  // With a name: of a CommonJS package that reads every export.
  import: (file) => [
    '--input-type=module',
    '-e',
    measured(`({ Scoreboard: globalThis.one } = await import(${JSON.stringify(pathToFileURL(file).href)}))`),
  ],
}

function measured(statement: string): string {
  return `const bytes = process.memoryUsage.rss(), from = performance.now();
    ${statement}
    console.log(JSON.stringify({ ms: performance.now() - from, bytes: process.memoryUsage.rss() - bytes }))`
}

function load(way: Way, file: string): Load {
  return JSON.parse(output(PROGRAMS[way](file))) as Load
}

function output(args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

function samples<T>({ quick }: TrialParams, sample: () => T): T[] {
  return Array.from({ length: quick ? SAMPLES.quick : SAMPLES.full }, sample)
}

function loading(name: string, role: Trial['role'], unit: Unit, way: Way, file: string): Trial {
  const value = (one: Load) => (unit === 'bytes' ? one.bytes : one.ms)
  return { name, role, run: (params) => ({ unit, values: samples(params, () => value(load(way, file))) }) }
}

/** In turns, so that whatever slows the machine down meets both. */
function ratios(of: () => number, by: () => number): (params: TrialParams) => Promise<number[]> {
  return async (params) => samples(params, () => of() / by())
}

function wholeProcess(args: readonly string[]): number {
  const from = performance.now()
  output([...args])
  return performance.now() - from
}

const NOTHING = ['-e', '0']

function commandOf({ stage }: TrialParams, verb = 'ls'): string[] {
  return [COMMAND, verb, stage.baseDir as string]
}

/** Handles of this process: to the command they are workers like any others. */
async function startBoard({ dir }: StageContext): Promise<Stage> {
  const boards = Array.from({ length: WORKERS }, (_, i) => {
    const board = new Scoreboard({ baseDir: dir, workerId: `worker-${i}` })
    board.update(`doing ${i}`)
    return board
  })
  return {
    params: { baseDir: dir },
    notes: [`${WORKERS} living workers`],
    close: async () => {
      for (const board of boards) board.close()
    },
  }
}

function whole(name: string, role: Trial['role'], argsOf: (params: TrialParams) => string[]): Trial {
  const run = (params: TrialParams): Measurement => ({
    unit: 'ms',
    values: samples(params, () => wholeProcess(argsOf(params))),
  })
  return { name, role, run }
}

function loadRow(way: Way, words: string) {
  const [addon, ours] = [`the addon alone, by ${way}`, words]
  return {
    id: way,
    what: `Load rollcall by ${way}`,
    notes: ['each sample in a process of its own'],
    trials: [
      loading(addon, 'floor', 'ms', way, ADDON),
      loading(ours, 'ours', 'ms', way, PACKAGE),
      loading(`memory: ${addon}`, 'floor', 'bytes', way, ADDON),
      loading(`memory: ${ours}`, 'ours', 'bytes', way, PACKAGE),
    ],
    bars: [
      {
        what: `${ours} against the addon alone`,
        of: ours,
        by: addon,
        atMost: 3,
        ratios: ratios(
          () => load(way, PACKAGE).ms,
          () => load(way, ADDON).ms,
        ),
      },
      { what: `${ours}: bytes over plain Node`, of: `memory: ${ours}`, atMost: 4 * 2 ** 20 },
    ],
  } satisfies Subject['rows'][number]
}

export const loadSubject: Subject = {
  name: 'load',
  title: 'Loading the package, and a whole command',
  rows: [
    loadRow('require', "require('rollcall')"),
    loadRow('import', "import { Scoreboard } from 'rollcall'"),
    {
      id: 'ls',
      what: 'One command, from its start to its end',
      stage: startBoard,
      trials: [
        whole('node -e 0', 'floor', () => NOTHING),
        whole('rollcall ls DIR', 'ours', (params) => commandOf(params)),
        whole('rollcall check DIR', 'ours', (params) => commandOf(params, 'check')),
      ],
      bars: [
        {
          what: 'rollcall ls DIR against node -e 0',
          of: 'rollcall ls DIR',
          by: 'node -e 0',
          atMost: 1.35,
          ratios: (params) =>
            ratios(
              () => wholeProcess(commandOf(params)),
              () => wholeProcess(NOTHING),
            )(params),
        },
        { what: 'rollcall check DIR, in milliseconds', of: 'rollcall check DIR', atMost: 100 },
      ],
    },
  ],
}
