// Publishing 64 bytes with what people use today.

import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { pinSelf, startNode, stop } from '../harness/machine'
import { CHILDREN_DIR } from '../harness/paths'
import type { Measurement, Trial, TrialParams } from '../harness/plan'
import { scale, timeCalls, timePromises } from '../measure'
import { MASK, statuses } from '../statuses'
import { connectRedis, openLmdb, openSqlite, sharedBoard } from './open'
import { perlTimes } from './perl'

const ALL = statuses(64)
const BATCH = 100

function nanoseconds(batch: (calls: number) => void, budgetMs: number, callsInOne = 1): Measurement {
  return { unit: 'ns', values: scale(timeCalls(batch, budgetMs), 1 / callsInOne) }
}

/** What the call costs its sender; receiving costs the primary as much again, and is not in it. */
async function processSend(serialization: 'json' | 'advanced', params: TrialParams): Promise<Measurement> {
  const program = path.join(CHILDREN_DIR, 'sender.js')
  const sender = startNode(program, [String(params.budgetMs)], undefined, { serialization })
  // The sender has inherited this core; its receiver goes to another.
  pinSelf(params.otherCore)
  try {
    return { unit: 'ns', values: await answerBatches(sender) }
  } finally {
    await stop(sender)
  }
}

function answerBatches(sender: ChildProcess): Promise<number[]> {
  return new Promise((resolve, reject) => {
    sender.once('exit', () => reject(new Error('the sender ended')))
    sender.on('message', (message: unknown) => {
      if (message === 'drained?') sender.send('drained')
      if (Array.isArray(message)) resolve(message)
    })
  })
}

function lmdbPut(params: TrialParams): Measurement {
  const database = openLmdb(params.dir)
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) database.putSync('worker-1', ALL[i & MASK])
  }
  return nanoseconds(batch, params.budgetMs)
}

function lmdbBatched(params: TrialParams): Measurement {
  const database = openLmdb(params.dir)
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) {
      database.transactionSync(() => {
        for (let j = 0; j < BATCH; j++) database.putSync(`worker-${j}`, ALL[(i + j) & MASK])
      })
    }
  }
  return nanoseconds(batch, params.budgetMs, BATCH)
}

function sqlite(params: TrialParams): Measurement {
  const { put } = openSqlite(params.dir)
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) put.run('worker-1', ALL[i & MASK])
  }
  return nanoseconds(batch, params.budgetMs)
}

async function redis(params: TrialParams): Promise<Measurement> {
  const client = await connectRedis(params)
  let i = 0
  const values = await timePromises(() => client.hset('board', 'worker-1', ALL[i++ & MASK]), params.budgetMs)
  client.disconnect()
  return { unit: 'ns', values }
}

async function redisPipeline(params: TrialParams): Promise<Measurement> {
  const client = await connectRedis(params)
  const one = () => {
    const pipeline = client.pipeline()
    for (let i = 0; i < BATCH; i++) pipeline.hset('board', 'worker-1', ALL[i & MASK])
    return pipeline.exec()
  }
  const values = scale(await timePromises(one, params.budgetMs), 1 / BATCH)
  client.disconnect()
  return { unit: 'ns', values }
}

function rename({ dir, budgetMs }: TrialParams): Measurement {
  const file = path.join(dir, 'worker-1')
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) {
      fs.writeFileSync(`${file}.tmp`, ALL[i & MASK]!)
      fs.renameSync(`${file}.tmp`, file)
    }
  }
  return nanoseconds(batch, budgetMs)
}

function atomics({ budgetMs }: TrialParams): Measurement {
  const board = sharedBoard(1)
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) board.update(0, ALL[i & MASK]!)
  }
  return nanoseconds(batch, budgetMs)
}

export const publishTrials: Trial[] = [
  { name: 'process.send, JSON', role: 'rival', run: (params) => processSend('json', params) },
  { name: 'process.send, advanced', role: 'rival', run: (params) => processSend('advanced', params) },
  { name: 'SharedArrayBuffer + Atomics (threads only)', role: 'rival', run: atomics },
  { name: 'write a file, rename it', role: 'rival', run: rename },
  { name: 'lmdb putSync', role: 'rival', rival: 'lmdb', run: lmdbPut },
  { name: `lmdb, ${BATCH} in a transaction`, role: 'rival', rival: 'lmdb', run: lmdbBatched },
  { name: 'better-sqlite3, WAL, no sync', role: 'rival', rival: 'better-sqlite3', run: sqlite },
  { name: 'Redis HSET, awaited', role: 'rival', rival: 'redis', run: redis },
  { name: `Redis HSET, pipeline of ${BATCH}`, role: 'rival', rival: 'redis', run: redisPipeline },
  {
    name: 'Parallel::Scoreboard',
    role: 'rival',
    rival: 'perl',
    run: (params) => ({ unit: 'ns', values: perlTimes('update', 1, params) }),
  },
]
