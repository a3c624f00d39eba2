// Growth: the same for a hundred and for ten thousand workers, in time and in memory of the board.

import fs from 'node:fs'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { Scoreboard } from '../lib'
import { startCrowd } from './harness/crowd'
import type { Measurement, Stage, StageContext, Subject, Trial, TrialParams } from './harness/plan'

type Size = 'few' | 'many'

interface Crowds {
  few: { baseDir: string; workers: number }
  many: { baseDir: string; workers: number }
}

async function startCrowds({ dir, quick }: StageContext): Promise<Stage> {
  const counts = { few: 100, many: quick ? 1000 : 10_000 }
  const few = await startCrowd(path.join(dir, 'few'), { workers: counts.few })
  const many = await startCrowd(path.join(dir, 'many'), { workers: counts.many }).catch(async (error) => {
    await few.close()
    throw error
  })
  return {
    params: { few: few.params, many: many.params },
    notes: [
      `few: ${counts.few} living workers; many: ${counts.many.toLocaleString('en')}; each a process of its own${
        quick ? '; without --quick it is 10,000' : ''
      }`,
    ],
    close: async () => {
      await few.close()
      await many.close()
    },
  }
}

function crowdOf({ stage }: TrialParams, size: Size): Crowds[Size] {
  return (stage as unknown as Crowds)[size]
}

function perWorker(name: string, size: Size, prepare: (board: Scoreboard) => () => unknown): Trial {
  return {
    name: `${name}, ${size}`,
    role: size === 'few' ? 'floor' : 'ours',
    prepare: (params) => {
      const { baseDir, workers } = crowdOf(params, size)
      const board = new Scoreboard({ baseDir })
      const read = prepare(board)
      const batch = (calls: number) => {
        for (let i = 0; i < calls; i++) read()
      }
      return { unit: 'ns', factor: 1 / workers, batch, close: () => board.close() }
    },
  }
}

function poll(board: Scoreboard): () => void {
  let { cursor } = board.changes()
  return () => {
    cursor = board.changes(cursor).cursor
  }
}

/**
 * Private memory of this process that is in use: the board's own pages are shared by all, and what V8
 * keeps free of its heap belongs to whoever allocates next.
 */
function privateBytes(): number {
  global.gc?.()
  global.gc?.()
  const kib = /^RssAnon:\s*(\d+) kB/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1]
  if (kib === undefined) throw new Error('This system does not tell private memory')
  const { total_physical_size, used_heap_size } = getHeapStatistics()
  return Number(kib) * 1024 - total_physical_size + used_heap_size
}

const READS = 50

/** What any program with a Map of so many entries pays, whoever fills it. */
function plainMap(size: Size): Trial {
  return {
    name: `a Map of as many strings, per entry, ${size}`,
    role: 'floor',
    prepare: (params) => {
      const { workers } = crowdOf(params, size)
      const batch = (calls: number) => {
        for (let i = 0; i < calls; i++) fillMap(workers)
      }
      return { unit: 'ns', factor: 1 / workers, batch }
    },
  }
}

const texts: string[] = []

function fillMap(size: number): Map<string, string> {
  while (texts.length < size) texts.push(`worker-${texts.length}`)
  const map = new Map<string, string>()
  for (let i = 0; i < size; i++) map.set(texts[i]!, texts[i]!)
  return map
}

/** What one reader adds to a program that has read a small board, and has Maps as large as those it gives away. */
function memory(params: TrialParams): Measurement {
  const { baseDir, workers } = crowdOf(params, 'many')
  using other = new Scoreboard({ baseDir: crowdOf(params, 'few').baseDir })
  for (let i = 0; i < READS; i++) {
    other.readAll()
    fillMap(workers)
  }
  const before = privateBytes()
  using board = new Scoreboard({ baseDir })
  for (let i = 0; i < READS; i++) board.readAll()
  return { unit: 'bytes', values: [(privateBytes() - before) / workers] }
}

function firstRead(params: TrialParams): Measurement {
  const board = new Scoreboard({ baseDir: crowdOf(params, 'many').baseDir })
  const before = performance.now()
  board.readAll()
  const values = [performance.now() - before]
  board.close()
  return { unit: 'ms', values }
}

/** The longest time that the event loop stood still until watch() had told of everybody. */
async function firstWatch(params: TrialParams): Promise<Measurement> {
  const { baseDir, workers } = crowdOf(params, 'many')
  const board = new Scoreboard({ baseDir })
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  await new Promise((resolve) => setTimeout(resolve, 10))
  delays.reset()
  let known = 0
  for await (const seen of board.watch()) {
    known += seen.workers.length
    if (known >= workers) break
  }
  await new Promise((resolve) => setTimeout(resolve, 10))
  board.close()
  return { unit: 'ms', values: [delays.max / 1e6] }
}

export const scale: Subject = {
  name: 'scale',
  title: 'From a hundred to ten thousand workers',
  rows: [
    {
      id: 'growth',
      what: 'Reading cost per worker, nothing changing, after the first read',
      stage: startCrowds,
      quickly: '1,000 workers instead of 10,000',
      rounds: 1,
      trials: [
        perWorker('readAll per worker', 'few', (board) => () => board.readAll()),
        perWorker('readAll per worker', 'many', (board) => () => board.readAll()),
        plainMap('few'),
        plainMap('many'),
        perWorker('changes per worker', 'few', poll),
        perWorker('changes per worker', 'many', poll),
        { name: 'memory of a reader per worker, many', role: 'ours', run: memory },
        { name: 'first readAll, many', role: 'ours', run: firstRead },
        { name: 'longest stall until watch() knows all, many', role: 'ours', run: firstWatch },
      ],
      bars: [
        {
          what: 'readAll per worker, many against few',
          of: 'readAll per worker, many',
          by: 'readAll per worker, few',
          atMost: 1.5,
        },
        {
          what: 'changes per worker, many against few',
          of: 'changes per worker, many',
          by: 'changes per worker, few',
          atMost: 1.5,
        },
        {
          what: 'memory of a reader per worker, bytes',
          of: 'memory of a reader per worker, many',
          atMost: 1024,
        },
      ],
    },
  ],
}
