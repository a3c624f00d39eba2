// Reading the statuses (64 bytes) of so many workers with what people use today. Apart from
// Parallel::Scoreboard none of them knows which workers are alive.

import fs from 'node:fs'
import path from 'node:path'
import type { Measurement, Trial, TrialParams } from '../harness/plan'
import { scale, timeCalls, timePromises } from '../measure'
import { MASK, statuses } from '../statuses'
import { connectRedis, openLmdb, openSqlite, sharedBoard } from './open'
import { perlTimes } from './perl'

const ALL = statuses(64)

function timeReads(workers: number, read: () => { size: number }, budgetMs: number): Measurement {
  if (read().size !== workers) throw new Error(`Expected ${workers} workers, got ${read().size}`)
  const batch = (calls: number) => {
    for (let i = 0; i < calls; i++) read()
  }
  return { unit: 'us', values: scale(timeCalls(batch, budgetMs), 1e-3) }
}

function lmdb(workers: number, { dir, budgetMs }: TrialParams): Measurement {
  const database = openLmdb(dir)
  for (let i = 0; i < workers; i++) database.putSync(`worker-${i}`, ALL[i & MASK])
  const read = () => {
    const found = new Map<string, string>()
    for (const { key, value } of database.getRange()) found.set(key, value)
    return found
  }
  return timeReads(workers, read, budgetMs)
}

function sqlite(workers: number, { dir, budgetMs }: TrialParams): Measurement {
  const { put, all } = openSqlite(dir)
  for (let i = 0; i < workers; i++) put.run(`worker-${i}`, ALL[i & MASK])
  return timeReads(workers, () => new Map<string, string>(all.all()), budgetMs)
}

async function redis(workers: number, params: TrialParams): Promise<Measurement> {
  const client = await connectRedis(params)
  for (let i = 0; i < workers; i++) await client.hset('board', `worker-${i}`, ALL[i & MASK])
  const read = async () => new Map(Object.entries(await client.hgetall('board')))
  const values = scale(await timePromises(read, params.budgetMs), 1e-3)
  client.disconnect()
  return { unit: 'us', values }
}

function files(workers: number, { dir, budgetMs }: TrialParams): Measurement {
  for (let i = 0; i < workers; i++) fs.writeFileSync(path.join(dir, `worker-${i}`), ALL[i & MASK]!)
  const read = () => {
    const found = new Map<string, string>()
    for (const name of fs.readdirSync(dir)) found.set(name, fs.readFileSync(path.join(dir, name), 'utf8'))
    return found
  }
  return timeReads(workers, read, budgetMs)
}

function atomics(workers: number, { budgetMs }: TrialParams): Measurement {
  const board = sharedBoard(workers)
  for (let i = 0; i < workers; i++) board.update(i, ALL[i & MASK]!)
  return timeReads(workers, () => board.readAll(), budgetMs)
}

export function readTrials(workers: number): Trial[] {
  return [
    {
      name: 'SharedArrayBuffer + Atomics (threads only)',
      role: 'rival',
      run: (params) => atomics(workers, params),
    },
    { name: 'a file for each worker', role: 'rival', run: (params) => files(workers, params) },
    { name: 'lmdb getRange', role: 'rival', rival: 'lmdb', run: (params) => lmdb(workers, params) },
    {
      name: 'better-sqlite3 SELECT',
      role: 'rival',
      rival: 'better-sqlite3',
      run: (params) => sqlite(workers, params),
    },
    { name: 'Redis HGETALL', role: 'rival', rival: 'redis', run: (params) => redis(workers, params) },
    {
      name: 'Parallel::Scoreboard',
      role: 'rival',
      rival: 'perl',
      run: (params) => ({ unit: 'us', values: scale(perlTimes('read', workers, params), 1e-3) }),
    },
  ]
}
