// Waking up: how long after an update or a death a watching manager knows of it.

import path from 'node:path'
import { Scoreboard } from '../lib'
import { ended, nextMessage, startNode, stop } from './harness/machine'
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

/** A witness blocks on a pidfd of its own, in a process of its own, and tells when it was ready. */
async function deathToWatch({ dir, quick, otherCore }: TrialParams): Promise<Measurement> {
  const board = new Scoreboard({ baseDir: dir })
  const abort = new AbortController()
  const seen = new Map<string, number>()
  let wake = () => {}
  const watching = (async () => {
    for await (const { gone } of board.watch({ signal: abort.signal })) {
      const now = nowNs()
      for (const { id } of gone) seen.set(id, now)
      wake()
    }
  })().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error
  })
  const values: number[] = []
  for (let i = 0; i < (quick ? DEATHS.quick : DEATHS.full); i++) {
    const id = `victim-${i}`
    const victim = startNode(path.join(CHILDREN_DIR, 'victim.js'), [dir, id], otherCore)
    await nextMessage(victim)
    const witness = startNode(path.join(CHILDREN_DIR, 'witness.js'), [String(victim.pid)], otherCore)
    await nextMessage(witness)
    const testimony = nextMessage<number>(witness)
    victim.kill('SIGKILL')
    const readyAt = await testimony
    while (!seen.has(id))
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    values.push((seen.get(id)! - readyAt) / 1e3)
    await ended(victim)
    await stop(witness)
  }
  abort.abort()
  await watching
  board.close()
  return { unit: 'us', values }
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
