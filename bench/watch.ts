// Waking up: how long after an update or a death a watching manager knows of it.

import path from 'node:path'
import { type Changes, Scoreboard } from '../lib'
import { startNode, stop } from './harness/machine'
import { CHILDREN_DIR } from './harness/paths'
import type { Measurement, Subject, TrialParams } from './harness/plan'
import { nowNs } from './measure'
import { wakeTrials } from './rivals/wake'

const UPDATES = { quick: 100, full: 1000 }
const DEATHS = { quick: 5, full: 30 }

/** The worker publishes the time at which it does so; both clocks are the machine's. */
async function updateToWatch({ dir, quick, otherCore }: TrialParams): Promise<Measurement> {
  const board = new Scoreboard({ baseDir: dir })
  const worker = startNode(path.join(CHILDREN_DIR, 'stamper.js'), ['board', dir], otherCore)
  const values: number[] = []
  const wanted = quick ? UPDATES.quick : UPDATES.full
  try {
    for await (const { workers } of board.watch()) {
      const now = nowNs()
      const stamp = workers.find(({ status }) => typeof status === 'string')?.status
      if (stamp !== undefined) values.push((now - Number(stamp)) / 1e3)
      if (values.length > wanted) break
    }
  } finally {
    await stop(worker)
    board.close()
  }
  return { unit: 'us', values: values.slice(1) }
}

/**
 * Another process starts workers and kills them, so that their parent's own part in a death does
 * not disturb the manager; it sends the id of each and the time at which its pidfd was ready.
 */
async function deathToWatch({ dir, quick, otherCore }: TrialParams): Promise<Measurement> {
  const board = new Scoreboard({ baseDir: dir })
  const changes = board.watch()
  const deaths = quick ? DEATHS.quick : DEATHS.full
  const killer = startNode(path.join(CHILDREN_DIR, 'killer.js'), [dir, String(deaths)], otherCore)
  const readyAt = new Map<string, number>()
  const ending = new Promise<void>((resolve, reject) => {
    killer.on('message', (message) => {
      const [id, at] = message as [string, number]
      readyAt.set(id, at)
    })
    killer.once('exit', (code) => (code === 0 ? resolve() : reject(new Error('the killer failed'))))
  })
  try {
    const toldAt = new Map<string, number>()
    for (let i = 0; i < deaths; i++) toldAt.set(`victim-${i}`, await toldGone(changes, `victim-${i}`))
    await ending
    return { unit: 'us', values: [...toldAt].map(([id, at]) => (at - readyAt.get(id)!) / 1e3) }
  } finally {
    await changes.return?.()
    await stop(killer)
    board.close()
  }
}

/** The time at which watch() told that a worker is gone. */
async function toldGone(changes: AsyncIterator<Changes>, id: string): Promise<number> {
  for (;;) {
    const { value } = await changes.next()
    const now = nowNs()
    if ((value as Changes).gone.some((worker) => worker.id === id)) return now
  }
}

export const watch: Subject = {
  name: 'watch',
  title: 'Waking up',
  rows: [
    {
      id: 'update',
      what: 'From update() in one process to watch() in another',
      trials: [{ name: 'update to watch', role: 'ours', run: updateToWatch }, ...wakeTrials],
      bars: [{ what: 'update to watch(), p50 in us', of: 'update to watch', atMost: 1000 }],
    },
    {
      id: 'death',
      what: "From a killed worker's pidfd being ready to watch() telling its death",
      notes: ['below zero: watch() told before the witness that blocks on the same event had woken up'],
      rounds: 1,
      trials: [{ name: 'death to watch', role: 'ours', run: deathToWatch }],
      bars: [{ what: 'death to watch(), p50 in us', of: 'death to watch', atMost: 1000 }],
    },
  ],
}
