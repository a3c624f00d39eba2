// Counting: a number that goes up thousands of times a second, and the sum over all workers.

import { Scoreboard } from '../lib'
import { startCrowd } from './harness/crowd'
import type { Prepared, Subject, TrialParams } from './harness/plan'
import { collectTrials, countTrials } from './rivals/counting'

const COUNTERS = { requests: 'counter', bytes: 'counter', busy: 'gauge' } as const

/** `view[index] += 1`, whatever the view lies on. */
function countIn(view: Float64Array, index: number): Prepared {
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) view[index]! += 1
  }
  return { unit: 'ns', batch }
}

function withBoard(prepare: (board: Scoreboard) => Prepared): (params: TrialParams) => Prepared {
  return ({ dir }) => {
    const board = new Scoreboard({ baseDir: dir, counters: COUNTERS, sharedCounters: ['jobs'] })
    return { ...prepare(board), close: () => board.close() }
  }
}

function countBy(add: () => void): Prepared {
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) add()
  }
  return { unit: 'ns', batch }
}

function atomicsAdd(): Prepared {
  const words = new BigInt64Array(new SharedArrayBuffer(64))
  return countBy(() => Atomics.add(words, 1, 1n))
}

function totals({ stage }: TrialParams): Prepared {
  const board = new Scoreboard({ baseDir: stage.baseDir as string })
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) board.totals()
  }
  return { unit: 'us', factor: 1e-3, batch, close: () => board.close() }
}

const FLOOR = 'view[i] += 1 on a SharedArrayBuffer'

export const counters: Subject = {
  name: 'counters',
  title: 'Counting',
  rows: [
    {
      id: 'view',
      what: 'Add one to a counter of this worker',
      trials: [
        {
          name: FLOOR,
          role: 'floor',
          prepare: () => countIn(new Float64Array(new SharedArrayBuffer(64)), 1),
        },
        {
          name: 'counters.view[i] += 1',
          role: 'ours',
          prepare: withBoard(({ counters: own }) => countIn(own.view, own.index('bytes'))),
        },
        {
          name: "counters.add('bytes')",
          role: 'ours',
          prepare: withBoard(({ counters: own }) => countBy(() => own.add('bytes'))),
        },
        ...countTrials,
      ],
      bars: [{ what: 'counters.view[i] += 1', of: 'counters.view[i] += 1', by: FLOOR, atMost: 1.2 }],
    },
    {
      id: 'shared',
      what: 'Add one to a counter that all workers share',
      slow: true,
      trials: [
        { name: 'Atomics.add on a SharedArrayBuffer', role: 'floor', prepare: atomicsAdd },
        {
          name: "shared.add('jobs')",
          role: 'ours',
          prepare: withBoard(({ shared }) => countBy(() => shared.add('jobs'))),
        },
      ],
      bars: [],
    },
    {
      id: 'totals',
      what: 'Sum the counters of 1,024 living workers',
      slow: true,
      stage: ({ dir }) => startCrowd(dir, { workers: 1024, counters: COUNTERS }),
      trials: [{ name: 'totals, 1,024 workers', role: 'ours', prepare: totals }, ...collectTrials],
      bars: [],
    },
  ],
}
