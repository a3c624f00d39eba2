// `rollcall work` as a whole process over a list of trivial commands, beside xargs, which keeps nothing, and GNU
// parallel; and its memory over a long list of long items.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { useBothCores } from './harness/machine'
import { ROOT } from './harness/paths'
import type { Measurement, Subject, Trial, TrialParams } from './harness/plan'

const { bin } = require(path.join(ROOT, 'package.json')) as { bin: { rollcall: string } }
const MAIN = path.join(ROOT, bin.rollcall)
const COMMANDS = { full: 2000, quick: 200 }
const LONG = { short: 100_000, long: 1_000_000, quick: 20_000 }
const ITEM_BYTES = 100

function listOf(dir: string, count: number, bytes = 0): string {
  const file = path.join(dir, `list-${count}`)
  writeFileSync(file, Array.from({ length: count }, (_, i) => `${String(i).padEnd(bytes, 'x')}\n`).join(''))
  return file
}

type Clock = 'wall' | 'processor'

/** How long it takes from its start to its end, or the processor time of all that it starts, in milliseconds. */
function timed(command: string[], { dir }: TrialParams, clock: Clock, input?: string): Measurement {
  const begun = performance.now()
  const all = ['-f', 'took %U %S', ...command]
  const { status, error, stderr } = spawnSync('/usr/bin/time', all, { cwd: dir, encoding: 'utf8', input })
  const ms = performance.now() - begun
  if (status !== 0) throw new Error(`${command[0]}: ${error?.message ?? stderr}`)
  if (clock === 'wall') return { unit: 'ms', values: [ms] }
  const [, user, system] = /^took ([\d.]+) ([\d.]+)$/m.exec(stderr)!
  return { unit: 'ms', values: [(Number(user) + Number(system)) * 1000] }
}

function countOf({ quick }: TrialParams): number {
  return quick ? COMMANDS.quick : COMMANDS.full
}

function ours(clock: Clock): Trial {
  return {
    name: `rollcall work -j 2, ${clock} time`,
    role: 'ours',
    run(params) {
      useBothCores(process.pid, params.otherCore)
      const list = listOf(params.dir, countOf(params))
      return timed([process.execPath, MAIN, 'work', '-a', list, '-j', '2', '--', '/bin/true'], params, clock)
    },
  }
}

function xargs(clock: Clock): Trial {
  return {
    name: `xargs -P2 -n1, ${clock} time`,
    role: 'floor',
    run(params) {
      useBothCores(process.pid, params.otherCore)
      const input = readFileSync(listOf(params.dir, countOf(params)), 'utf8')
      return timed(['xargs', '-P2', '-n1', '/bin/true'], params, clock, input)
    },
  }
}

const parallel: Trial = {
  name: 'GNU parallel -j 2, wall time',
  role: 'rival',
  rival: 'parallel',
  run(params) {
    useBothCores(process.pid, params.otherCore)
    const list = listOf(params.dir, countOf(params))
    return timed(['parallel', '--will-cite', '-j2', '-a', list, '/bin/true'], params, 'wall')
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
      trials: [...(['wall', 'processor'] as const).flatMap((clock) => [xargs(clock), ours(clock)]), parallel],
      bars: [
        { what: 'against GNU parallel', of: ours('wall').name, by: parallel.name, atMost: 1 },
        {
          what: 'against xargs, processor time',
          of: ours('processor').name,
          by: xargs('processor').name,
          atMost: 1.5,
        },
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
