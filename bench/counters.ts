// Counting: a number that goes up thousands of times a second, and the sum over all workers.

import { Scoreboard } from '../lib'
import { startCrowd } from './harness/crowd'
import type { Measurement, Subject, TrialParams } from './harness/plan'
import { scale, timeCalls } from './measure'
import { collectTrials, countTrials } from './rivals/counting'

const COUNTERS = { requests: 'counter', bytes: 'counter', busy: 'gauge' } as const

/** `view[index] += 1`, whatever the view lies on. */
function timeView(view: Float64Array, index: number, budgetMs: number): Measurement {
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) view[index]! += 1
  }
  return { unit: 'ns', values: timeCalls(batch, budgetMs) }
}

function withBoard(
  time: (board: Scoreboard, budgetMs: number) => Measurement,
): (params: TrialParams) => Measurement {
  return ({ dir, budgetMs }) => {
    const board = new Scoreboard({ baseDir: dir, counters: COUNTERS, sharedCounters: ['jobs'] })
    const measurement = time(board, budgetMs)
    board.close()
    return measurement
  }
}

function timeAdd(add: () => void, budgetMs: number): Measurement {
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) add()
  }
  return { unit: 'ns', values: timeCalls(batch, budgetMs) }
}

function atomicsAdd({ budgetMs }: TrialParams): Measurement {
  const words = new BigInt64Array(new SharedArrayBuffer(64))
  return timeAdd(() => Atomics.add(words, 1, 1n), budgetMs)
}

function totals({ stage, budgetMs }: TrialParams): Measurement {
  const board = new Scoreboard({ baseDir: stage.baseDir as string })
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) board.totals()
  }
  const values = scale(timeCalls(batch, budgetMs), 1e-3)
  board.close()
  return { unit: 'us', values }
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
          run: ({ budgetMs }) => timeView(new Float64Array(new SharedArrayBuffer(64)), 1, budgetMs),
        },
        {
          name: 'counters.view[i] += 1',
          role: 'ours',
          run: withBoard((board, budgetMs) =>
            timeView(board.counters.view, board.counters.index('bytes'), budgetMs),
          ),
        },
        {
          name: "counters.add('bytes')",
          role: 'ours',
          run: withBoard(({ counters: own }, budgetMs) => timeAdd(() => own.add('bytes'), budgetMs)),
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
        { name: 'Atomics.add on a SharedArrayBuffer', role: 'floor', run: atomicsAdd },
        {
          name: "shared.add('jobs')",
          role: 'ours',
          run: withBoard(({ shared }, budgetMs) => timeAdd(() => shared.add('jobs'), budgetMs)),
        },
      ],
      bars: [],
    },
    {
      id: 'totals',
      what: 'Sum the counters of 1,024 living workers',
      slow: true,
      stage: ({ dir }) => startCrowd(dir, { workers: 1024, counters: COUNTERS }),
      trials: [{ name: 'totals, 1,024 workers', role: 'ours', run: totals }, ...collectTrials],
      bars: [],
    },
  ],
}
