// Polling: what it costs to find out that nothing, or not much, has changed.

import { Scoreboard } from '../lib'
import { startCrowd } from './harness/crowd'
import { loadFloor, openFloor } from './harness/floor'
import type { Prepared, Subject, TrialParams } from './harness/plan'

const WORKERS = 1024
const FLOOR = 'bare sequence compare'
const FLOOR_WITH_DEATHS = 'bare sequence compare, one epoll_wait over all pidfds, an empty call'

function floor({ stage }: TrialParams): Prepared {
  const { compare } = openFloor(stage.baseDir as string)
  const known = new BigUint64Array(WORKERS + 16)
  compare(known)
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) compare(known)
  }
  return { unit: 'us', factor: 1e-3, batch }
}

/** What it takes at the least to know as well that nobody died; the second call is the empty one. */
function floorWithDeaths(params: TrialParams): Prepared {
  const { compare } = openFloor(params.stage.baseDir as string)
  const { pidfdOpen, epollOf, epollLook } = loadFloor()
  using board = new Scoreboard({ baseDir: params.stage.baseDir as string })
  const { workers } = board.snapshot()
  const epoll = epollOf(Int32Array.from(workers, ({ pid }) => pidfdOpen(pid)))
  const known = new BigUint64Array(WORKERS + 16)
  compare(known)
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) {
      compare(known)
      epollLook(epoll)
    }
  }
  return { unit: 'us', factor: 1e-3, batch }
}

function ours({ stage }: TrialParams): Prepared {
  const board = new Scoreboard({ baseDir: stage.baseDir as string })
  let { cursor } = board.changes()
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) cursor = board.changes(cursor).cursor
  }
  return { unit: 'us', factor: 1e-3, batch, close: () => board.close() }
}

function oursAll({ stage }: TrialParams): Prepared {
  const board = new Scoreboard({ baseDir: stage.baseDir as string })
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) board.readAll()
  }
  return { unit: 'us', factor: 1e-3, batch, close: () => board.close() }
}

export const changes: Subject = {
  name: 'changes',
  title: 'Polling for changes',
  rows: [
    {
      id: 'idle',
      what: `See that nothing changed among ${WORKERS.toLocaleString('en')} living workers, and nobody died`,
      stage: ({ dir }) => startCrowd(dir, { workers: WORKERS }),
      trials: [
        { name: FLOOR, role: 'floor', prepare: floor },
        { name: FLOOR_WITH_DEATHS, role: 'floor', prepare: floorWithDeaths },
        { name: 'changes, nothing changed', role: 'ours', prepare: ours },
      ],
      bars: [
        {
          what: 'changes() when nothing changed',
          of: 'changes, nothing changed',
          by: FLOOR_WITH_DEATHS,
          atMost: 1.3,
        },
        { what: 'the same against the bare compare', of: 'changes, nothing changed', by: FLOOR },
      ],
    },
    {
      id: 'some',
      what: `The same while 16 of the ${WORKERS.toLocaleString('en')} publish about 1,000 times a second each`,
      slow: true,
      stage: ({ dir }) => startCrowd(dir, { workers: WORKERS, moving: 16 }),
      trials: [
        { name: FLOOR, role: 'floor', prepare: floor },
        { name: 'changes, 16 workers busy', role: 'ours', prepare: ours },
        { name: 'readAll, 16 workers busy', role: 'ours', prepare: oursAll },
      ],
      bars: [],
    },
  ],
}
