// What it costs to be told why: a beat of the heart, the vitals of a thousand processes, the stack of one that hangs.

import path from 'node:path'
import { Scoreboard, stackOf, type WorkerEntry } from '../lib'
import { startCrowd } from './harness/crowd'
import { loadFloor } from './harness/floor'
import { ended, nextMessage, startNode } from './harness/machine'
import { CHILDREN_DIR } from './harness/paths'
import type { Measurement, Prepared, Row, Subject, TrialParams } from './harness/plan'

const BEAT = 'a beat'
const WORKERS = 1000
const STATS = 'one read of /proc/<pid>/stat each'

function beat({ dir }: TrialParams): Prepared {
  const baseDir = path.join(dir, 'board')
  new Scoreboard({ baseDir }).close()
  const heart = loadFloor().openHeart(path.join(baseDir, 'board'))
  return { unit: 'ns', batch: (beats) => heart.beats(beats) }
}

const heartRow: Row = {
  id: 'heartbeat',
  what: 'Say that the event loop turns: once a second, by a timer, never by an update',
  trials: [{ name: BEAT, role: 'ours', prepare: beat }],
  bars: [{ what: 'a beat, in nanoseconds', of: BEAT, atMost: 30 }],
}

function vitals({ stage }: TrialParams, wanted: boolean): Prepared {
  const board = new Scoreboard({ baseDir: stage.baseDir as string, readOnly: true })
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) {
      const { workers } = board.snapshot({ vitals: wanted })
      if (wanted && workers.some(({ vitals }) => vitals === undefined))
        throw new Error('Somebody has no vitals')
    }
  }
  return { unit: 'ms', factor: 1e-6, batch, close: () => board.close() }
}

const vitalsRow: Row = {
  id: 'vitals',
  what: `What ${WORKERS.toLocaleString('en')} processes cost, read by the reader`,
  stage: ({ dir }) => startCrowd(dir, { workers: WORKERS }),
  trials: [
    { name: 'snapshot without', role: 'floor', prepare: (params) => vitals(params, false) },
    { name: STATS, role: 'ours', prepare: (params) => vitals(params, true) },
  ],
  bars: [{ what: 'snapshot({ vitals: true }), in milliseconds', of: STATS, atMost: 15 }],
}

/** Stacks of one process in an endless loop, one after the other. */
async function stacks(
  { dir, budgetMs, otherCore }: TrialParams,
  field: 'tookMs' | 'inspectorOpenMs',
): Promise<Measurement> {
  const baseDir = path.join(dir, 'board')
  const board = new Scoreboard({ baseDir })
  const child = startNode(path.join(CHILDREN_DIR, 'hanger.js'), [baseDir], otherCore)
  await nextMessage(child)
  const worker = board.snapshot().workers.find(({ pid }) => pid === child.pid) as WorkerEntry
  const values: number[] = []
  const end = performance.now() + budgetMs
  while (values.length < 5 || performance.now() < end) {
    const stack = await stackOf(worker, { board, timeoutMs: 20_000 })
    if (stack.frames?.[0]?.functionName !== 'inner')
      throw new Error(stack.refusal?.message ?? 'Another stack')
    values.push(stack[field]!)
  }
  child.kill('SIGKILL')
  await ended(child)
  board.close()
  return { unit: 'ms', values }
}

const STACK = 'from the question to the stack'

const stackRow: Row = {
  id: 'stack',
  what: 'The stack of a process in an endless loop',
  trials: [
    { name: STACK, role: 'ours', run: (params) => stacks(params, 'tookMs') },
    { name: 'the inspector is open', role: 'ours', run: (params) => stacks(params, 'inspectorOpenMs') },
  ],
  bars: [{ what: 'stackOf(), in milliseconds', of: STACK, atMost: 250 }],
}

export const why: Subject = {
  name: 'why',
  title: 'Why it does not go on',
  rows: [heartRow, vitalsRow, stackRow],
}
