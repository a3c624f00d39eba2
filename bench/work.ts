// `rollcall work` as a whole process over a list of trivial commands, beside xargs, which keeps nothing, and GNU
// parallel; and its memory over a long list of long items.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { useBothCores } from './harness/machine'
import { ROOT } from './harness/paths'
import type { Measurement, Subject, Trial, TrialParams } from './harness/plan'

const MAIN = path.join(ROOT, 'dist', 'lib', 'cli', 'main.js')
const COMMANDS = { full: 2000, quick: 200 }
const LONG = { short: 100_000, long: 1_000_000, quick: 20_000 }
const ITEM_BYTES = 100

function listOf(dir: string, count: number, bytes = 0): string {
  const file = path.join(dir, `list-${count}`)
  writeFileSync(file, Array.from({ length: count }, (_, i) => `${String(i).padEnd(bytes, 'x')}\n`).join(''))
  return file
}

/** How long it takes, in milliseconds, from its start to its end. */
function timed(command: string, args: string[], dir: string, input?: string): Measurement {
  const begun = performance.now()
  const { status, error, stderr } = spawnSync(command, args, { cwd: dir, encoding: 'utf8', input })
  const ms = performance.now() - begun
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`)
  return { unit: 'ms', values: [ms] }
}

function countOf({ quick }: TrialParams): number {
  return quick ? COMMANDS.quick : COMMANDS.full
}

const ours: Trial = {
  name: 'rollcall work -j 2',
  role: 'ours',
  run(params) {
    useBothCores(process.pid, params.otherCore)
    const list = listOf(params.dir, countOf(params))
    return timed(process.execPath, [MAIN, 'work', '-a', list, '-j', '2', '--', '/bin/true'], params.dir)
  },
}

const xargs: Trial = {
  name: 'xargs -P2 -n1',
  role: 'floor',
  run(params) {
    useBothCores(process.pid, params.otherCore)
    const input = readFileSync(listOf(params.dir, countOf(params)), 'utf8')
    return timed('xargs', ['-P2', '-n1', '/bin/true'], params.dir, input)
  },
}

const parallel: Trial = {
  name: 'GNU parallel -j 2',
  role: 'rival',
  rival: 'parallel',
  run(params) {
    useBothCores(process.pid, params.otherCore)
    const list = listOf(params.dir, countOf(params))
    return timed('parallel', ['--will-cite', '-j2', '-a', list, '/bin/true'], params.dir)
  },
}

/** The most memory it ever has, over a list of so many items of 100 bytes of which the first commands run. */
function memoryOver(name: string, count: (params: TrialParams) => number): Trial {
  return {
    name,
    role: 'ours',
    run(params) {
      useBothCores(process.pid, params.otherCore)
      const list = listOf(params.dir, count(params), ITEM_BYTES)
      const command = [
        process.execPath,
        MAIN,
        'work',
        '-a',
        list,
        '-j',
        '2',
        '--halt',
        'soon,done=500',
        '--attempts',
        '1',
      ]
      const { stderr } = spawnSync('/usr/bin/time', ['-f', 'peak %M', ...command, '--', '/bin/false'], {
        cwd: params.dir,
        encoding: 'utf8',
      })
      const kibibytes = Number(/^peak (\d+)$/m.exec(stderr)?.[1])
      if (!(kibibytes > 0)) throw new Error(`no peak in ${stderr} (apt-get install time)`)
      return { unit: 'bytes', values: [kibibytes * 1024] }
    },
  }
}

const shorter = memoryOver('peak memory, 100,000 items', ({ quick }) => (quick ? LONG.quick : LONG.short))
const longer = memoryOver('peak memory, 1,000,000 items', ({ quick }) => (quick ? LONG.quick : LONG.long))

export const work: Subject = {
  name: 'work',
  title: 'Commands over a list',
  rows: [
    {
      id: 'trivial',
      what: '/bin/true for each line of a list, two at a time, the whole process',
      quickly: 'fewer commands',
      notes: [`${COMMANDS.full.toLocaleString('en')} commands`],
      trials: [xargs, ours, parallel],
      bars: [
        { what: 'against GNU parallel', of: ours.name, by: parallel.name, atMost: 1 },
        { what: 'against xargs', of: ours.name, by: xargs.name, atMost: 2 },
      ],
    },
    {
      id: 'memory',
      what: `The most memory over a list, items of ${ITEM_BYTES} bytes`,
      quickly: 'short lists',
      slow: true,
      rounds: 1,
      trials: [shorter, longer],
      bars: [{ what: 'ten times the items', of: longer.name, by: shorter.name, atMost: 1.5 }],
    },
  ],
}
