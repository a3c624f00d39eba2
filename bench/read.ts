// Reading everything: readAll() of living workers, beside the least that copying and decoding can cost.

import { Scoreboard } from '../lib'
import { startCrowd } from './harness/crowd'
import { openFloor } from './harness/floor'
import type { Prepared, Row, Subject, TrialParams } from './harness/plan'
import { latin1 } from './latin1'
import { readTrials } from './rivals/read'

const STATUS_BYTES = 64
const FLOOR = 'copy, one latin1Slice, substring, Map'

/** One native copy of everything, one decode, then what JavaScript cannot do without. */
function floor({ stage }: TrialParams): Prepared {
  const baseDir = stage.baseDir as string
  const board = new Scoreboard({ baseDir, readOnly: true })
  const ids = [...board.readAll().keys()]
  const { copy } = openFloor(baseDir)
  const bytes = latin1(Buffer.from(new ArrayBuffer((ids.length + 16) * STATUS_BYTES)))
  const readAll = () => {
    copy(bytes)
    const text = bytes.latin1Slice(0, ids.length * STATUS_BYTES)
    const statuses = new Map<string, string>()
    for (let i = 0; i < ids.length; i++) {
      statuses.set(ids[i]!, text.substring(i * STATUS_BYTES, (i + 1) * STATUS_BYTES))
    }
    return statuses
  }
  if (readAll().get(ids[0]!) !== board.readAll().get(ids[0]!))
    throw new Error('The floor reads something else')
  return reads(() => readAll().size, ids.length)
}

function reads(read: () => number, workers: number, close?: () => void): Prepared {
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) {
      if (read() !== workers) throw new Error(`Expected ${workers} workers`)
    }
  }
  return { unit: 'us', factor: 1e-3, batch, close }
}

function ours(read: (board: Scoreboard) => number): (params: TrialParams) => Prepared {
  return ({ stage }) => {
    const board = new Scoreboard({ baseDir: stage.baseDir as string })
    return reads(
      () => read(board),
      stage.workers as number,
      () => board.close(),
    )
  }
}

function readRow(workers: number, options: Partial<Row>): Row {
  return {
    id: String(workers),
    what: `Read all statuses (64 B) of ${workers.toLocaleString('en')} living workers`,
    stage: ({ dir }) => startCrowd(dir, { workers }),
    trials: [
      { name: FLOOR, role: 'floor', prepare: floor },
      { name: 'readAll', role: 'ours', prepare: ours((board) => board.readAll().size) },
      { name: 'snapshot', role: 'ours', prepare: ours((board) => board.snapshot().workers.length) },
      ...readTrials(workers),
    ],
    bars: [],
    ...options,
  }
}

export const read: Subject = {
  name: 'read',
  title: 'Reading all statuses',
  rows: [
    readRow(16, { slow: true }),
    readRow(128, { slow: true }),
    readRow(1024, {
      bars: [
        { what: 'readAll of 1,024 workers', of: 'readAll', by: FLOOR, atMost: 1.5 },
        { what: 'faster than Parallel::Scoreboard', of: 'Parallel::Scoreboard', by: 'readAll', atLeast: 100 },
      ],
    }),
  ],
}
