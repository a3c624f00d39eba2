// Publishing: what update() costs, beside the least a native call can cost and beside what people use today.

import fs from 'node:fs'
import path from 'node:path'
import { Scoreboard, type Status } from '../lib'
import { native } from '../lib/binding'
import { nextMessage, startNode, stop } from './harness/machine'
import { CHILDREN_DIR } from './harness/paths'
import type { Prepared, Subject, Trial, TrialParams } from './harness/plan'
import { timeCalls, timeWindows } from './measure'
import { publishTrials } from './rivals/publish'
import { MASK, statuses } from './statuses'

const EMPTY_CALL: Trial = {
  name: 'empty Node-API call',
  role: 'floor',
  prepare: () => {
    const { nothing } = native
    const batch = (calls: number) => {
      for (let i = 0; i < calls; i++) nothing()
    }
    return { unit: 'ns', batch }
  },
}

function updateTrial(name: string, all: readonly Status[]): Trial {
  return {
    name,
    role: 'ours',
    prepare: ({ dir }) => {
      const board = new Scoreboard({ baseDir: dir })
      return { unit: 'ns', batch: updates(board, all), close: () => board.close() }
    },
  }
}

function updates(board: Scoreboard, all: readonly Status[]): Prepared['batch'] {
  return (calls) => {
    for (let i = 0; i < calls; i++) board.update(all[i & MASK]!)
  }
}

const HANDLES = 8

function updateSeveral({ dir }: TrialParams): Prepared {
  const all = statuses(64)
  const boards = Array.from({ length: HANDLES }, () => new Scoreboard({ baseDir: dir }))
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) boards[i & (HANDLES - 1)]!.update(all[i & MASK]!)
  }
  const close = () => {
    for (const board of boards) board.close()
  }
  return { unit: 'ns', batch, close }
}

/** Times updates while another program does something to the board from another core. */
async function beside<T>(
  program: string,
  { dir, otherCore }: TrialParams,
  time: (batch: Prepared['batch']) => T,
  ...how: string[]
): Promise<T> {
  const board = new Scoreboard({ baseDir: dir })
  board.update('here')
  const manager = startNode(path.join(CHILDREN_DIR, program), [dir, ...how], otherCore)
  try {
    await nextMessage(manager)
    return time(updates(board, statuses(64)))
  } finally {
    await stop(manager)
    board.close()
  }
}

function besideTrial(name: string, program: string): Trial {
  return {
    name,
    role: 'ours',
    run: async (params) => {
      const values = await beside(program, params, (batch) => timeCalls(batch, params.budgetMs))
      return { unit: 'ns', values }
    },
  }
}

const OVERFLOW_BYTES = 8192

/** What an overflow file costs at the least. */
function fileEachTime({ dir }: TrialParams): Prepared {
  const all = statuses(OVERFLOW_BYTES).map((text) => Buffer.from(text))
  let generation = 0
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) {
      const file = path.join(dir, `ov-${generation++}`)
      const fd = fs.openSync(file, 'wx', 0o600)
      fs.writeSync(fd, all[i & MASK]!)
      fs.closeSync(fd)
      fs.unlinkSync(file)
    }
  }
  return { unit: 'ns', batch }
}

const ONE = 'update, one handle'
const SEVERAL = `update, ${HANDLES} handles in turn`

export const update: Subject = {
  name: 'update',
  title: 'Publishing a status',
  rows: [
    {
      id: '64',
      what: 'Publish 64 bytes of ASCII',
      trials: [
        EMPTY_CALL,
        updateTrial(ONE, statuses(64)),
        { name: SEVERAL, role: 'ours', prepare: updateSeveral },
        ...publishTrials,
      ],
      bars: [
        { what: 'update of 64 B, one handle in the process', of: ONE, by: EMPTY_CALL.name, atMost: 6 },
        { what: 'update of 64 B, several handles', of: SEVERAL, by: EMPTY_CALL.name, atMost: 8 },
        { what: 'faster than process.send (JSON)', of: 'process.send, JSON', by: ONE, atLeast: 25 },
        { what: 'faster than Parallel::Scoreboard', of: 'Parallel::Scoreboard', by: ONE, atLeast: 25 },
      ],
    },
    {
      id: '1k',
      what: 'Publish 1 KiB of ASCII, inline',
      trials: [EMPTY_CALL, updateTrial('update, 1 KiB', statuses(1024))],
      bars: [{ what: 'update of 1 KiB', of: 'update, 1 KiB', by: EMPTY_CALL.name, atMost: 20 }],
    },
    {
      id: '8k',
      what: 'Publish 8 KiB, through an overflow file',
      trials: [
        { name: 'fs: open, write, close, unlink', role: 'floor', prepare: fileEachTime },
        updateTrial('update, 8 KiB', statuses(OVERFLOW_BYTES)),
      ],
      bars: [
        { what: 'update of 8 KiB', of: 'update, 8 KiB', by: 'fs: open, write, close, unlink', atMost: 2 },
      ],
    },
    {
      id: 'kinds',
      what: 'Publish other things than ASCII',
      slow: true,
      trials: [
        EMPTY_CALL,
        updateTrial(
          'update, 64 bytes in a Buffer',
          statuses(64).map((text) => Buffer.from(text)),
        ),
        updateTrial(
          'update, 64 bytes of text with umlauts',
          statuses(60).map((text) => text.replace('GET /s', 'ÄÖÜäöü')),
        ),
        updateTrial(
          'update, an object (72 bytes of JSON)',
          statuses(24).map((path, requests) => ({ state: 'busy', path, requests: 100 + requests, ms: 12.5 })),
        ),
      ],
      bars: [],
    },
    {
      id: 'polled',
      what: 'Publish 64 bytes while a manager looks on from another core',
      trials: [
        updateTrial('update, alone', statuses(64)),
        besideTrial('update, a manager polls at 1 kHz', 'poller.js'),
        besideTrial('update, a manager watches', 'watcher.js'),
      ],
      bars: [
        {
          what: 'update while a manager polls at 1 kHz',
          of: 'update, a manager polls at 1 kHz',
          by: 'update, alone',
          atMost: 1.3,
          ratios: (params) =>
            beside('poller.js', params, (batch) => timeWindows(batch, params.budgetMs), 'odd-windows'),
        },
      ],
    },
  ],
}
