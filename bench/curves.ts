// Curves: how the cost of one thing grows with the number of workers, handles, items, or with the pause between two
// looks. A bar is the growth, or a bound at the largest size; each has its floor in the same row.

import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Scoreboard, WatchdogQueue } from '../lib'
import { connections, processes, timers } from './curves-local'
import { onZookeeper } from './curves-zookeeper'
import { startCrowd } from './harness/crowd'
import { openFloor } from './harness/floor'
import type {
  Measurement,
  Prepared,
  Row,
  Stage,
  StageContext,
  Subject,
  Trial,
  TrialParams,
} from './harness/plan'
import { zookeeperUrl } from './queue'
import { itemList } from './queue-trial'

const SIZES = [10, 100, 1000, 10_000]

interface Crowd {
  baseDir: string
  workers: number
}

/** Boards of each size, all alive at once, and how long the largest took to start. */
async function startCrowds({ dir, quick }: StageContext): Promise<Stage> {
  const sizes = SIZES.filter((size) => !quick || size <= 1000)
  const stages: Stage[] = []
  const close = async () => {
    for (const stage of stages) await stage.close()
  }
  let startMs = 0
  for (const workers of sizes) {
    const before = performance.now()
    try {
      stages.push(await startCrowd(path.join(dir, String(workers)), { workers }))
    } catch (error) {
      await close()
      throw error
    }
    startMs = performance.now() - before
  }
  return {
    params: { crowds: stages.map(({ params }) => params), startMs },
    notes: [`${sizes.join(', ')} living workers: as many processes, each with a slot of its own`],
    close,
  }
}

function crowdOf({ stage }: TrialParams, size: number): Crowd {
  const crowd = (stage.crowds as Crowd[]).find(({ workers }) => workers === size)
  if (crowd === undefined) throw new Error(`no crowd of ${size} with --quick`)
  return crowd
}

function again(call: () => unknown, unit: 'us' | 'ns', calls: number, close?: () => void): Prepared {
  const batch = (times: number) => {
    for (let i = 0; i < times; i++) call()
  }
  return { unit, factor: (unit === 'us' ? 1e-3 : 1) / calls, batch, close }
}

/** One trial for each size: nanoseconds a worker. */
function perWorker(what: string, role: Trial['role'], make: (crowd: Crowd) => () => unknown): Trial[] {
  return SIZES.map((size) => ({
    name: `${what}, ${size}`,
    role,
    prepare: (params) => again(make(crowdOf(params, size)), 'ns', size),
  }))
}

function reading(read: (board: Scoreboard) => () => unknown): (crowd: Crowd) => () => unknown {
  return ({ baseDir }) => read(new Scoreboard({ baseDir }))
}

const poll = (board: Scoreboard) => {
  let { cursor } = board.changes()
  return () => {
    cursor = board.changes(cursor).cursor
  }
}

const compareOnly = ({ baseDir, workers }: Crowd) => {
  const known = new BigUint64Array(workers + 16)
  const { compare } = openFloor(baseDir)
  return () => compare(known)
}

/** What a poll costs whose cache has gone cold in the pause, and which pays for the pause. */
function polled(size: number, pauseMs: number): Trial {
  return {
    name: `nothing changed, ${size}, every ${pauseMs} ms`,
    role: 'ours',
    run: async (params) => {
      const look = poll(new Scoreboard({ baseDir: crowdOf(params, size).baseDir }))
      const values: number[] = []
      for (let i = 0; i < (pauseMs < 1000 ? 20 : 6); i++) {
        await delay(pauseMs)
        const before = performance.now()
        look()
        values.push((performance.now() - before) * 1000)
      }
      return { unit: 'us', values: values.slice(1) }
    },
  }
}

function timed(calls: number, call: (i: number) => void): Measurement {
  const values: number[] = []
  for (let i = 0; i < calls; i++) {
    const before = performance.now()
    call(i)
    values.push((performance.now() - before) * 1000)
  }
  return { unit: 'us', values }
}

/** As many claims as a crowd's board has slots to spare, by handles that have read it or that have just opened it. */
function claims(size: number, isWarm: boolean): Trial {
  return {
    name: `claim, ${isWarm ? 'warm' : 'cold'}, ${size}`,
    role: 'ours',
    run: (params) => {
      const { baseDir } = crowdOf(params, size)
      // The first look of each at ten thousand takes seconds: it asks the kernel about every lock.
      const length = isWarm && size > 1000 ? 2 : 12
      const boards = Array.from({ length }, (_, i) => new Scoreboard({ baseDir, workerId: `bench-${i}` }))
      if (isWarm) for (const board of boards) board.readAll()
      const measured = timed(boards.length, (i) => boards[i]!.claim())
      for (const board of boards) board.close()
      return measured
    },
  }
}

/** Tried every 20 ms, as whoever waits for a slot does. */
function refusals(size: number): Trial {
  return {
    name: `claim refused, full, ${size}`,
    role: 'ours',
    run: async (params) => {
      const { baseDir } = crowdOf(params, size)
      const boards = Array.from({ length: 16 }, (_, i) => new Scoreboard({ baseDir, workerId: `bench-${i}` }))
      for (const board of boards) board.claim()
      const late = new Scoreboard({ baseDir, workerId: 'late' })
      let sum = 0
      for (let i = 0; i < 50; i++) {
        const before = performance.now()
        try {
          late.claim()
        } catch {}
        sum += performance.now() - before
        await delay(20)
      }
      for (const board of [...boards, late]) board.close()
      return { unit: 'us', values: [(sum / 50) * 1000] }
    },
  }
}

function started(): Trial {
  return {
    name: 'as many processes as that start and claim',
    role: 'ours',
    run: ({ stage }) => ({ unit: 'ms', values: [stage.startMs as number] }),
  }
}

function growth(what: string, atMost: number, few = 100, many = 10_000): Row['bars'][number] {
  return {
    what: `${what}, ${many.toLocaleString('en')} against ${few}`,
    of: `${what}, ${many}`,
    by: `${what}, ${few}`,
    atMost,
  }
}

const quickly = '1,000 workers instead of 10,000'

const workers: Row = {
  id: 'workers',
  what: 'Cost per worker, nothing changing, from 10 workers to 10,000',
  slow: true,
  rounds: 1,
  quickly,
  stage: startCrowds,
  trials: [
    ...perWorker('bare sequence compare', 'floor', compareOnly),
    ...perWorker('nothing changed, in a loop', 'ours', reading(poll)),
    ...[100, 1000].flatMap((pauseMs) => [100, 1000, 10_000].map((size) => polled(size, pauseMs))),
    ...perWorker(
      'forEachStatus',
      'ours',
      reading((board) => () => board.forEachStatus(() => {})),
    ),
    ...perWorker(
      'readAll',
      'ours',
      reading((board) => () => board.readAll()),
    ),
    ...perWorker(
      'snapshot',
      'ours',
      reading((board) => () => board.snapshot()),
    ),
    ...perWorker(
      'changes without a cursor',
      'ours',
      reading((board) => () => board.changes()),
    ),
    ...SIZES.flatMap((size) => [claims(size, false), claims(size, true), refusals(size)]),
    started(),
  ],
  bars: [
    growth('forEachStatus', 1.5),
    growth('nothing changed, in a loop', 1.5),
    { what: 'snapshot against readAll, 1,000', of: 'snapshot, 1000', by: 'readAll, 1000', atMost: 5 },
    {
      what: 'changes without a cursor against snapshot, 10,000',
      of: 'changes without a cursor, 10000',
      by: 'snapshot, 10000',
      atMost: 1.5,
    },
    {
      what: 'nothing changed, 1,000, every second, us',
      of: 'nothing changed, 1000, every 1000 ms',
      atMost: 300,
    },
    { what: 'a cold claim among 10,000, us', of: 'claim, cold, 10000', atMost: 1000 },
    { what: 'a warm claim among 10,000, us', of: 'claim, warm, 10000', atMost: 1000 },
    { what: 'a refusal by a full board of 10,000, us', of: 'claim refused, full, 10000', atMost: 1000 },
    {
      what: '10,000 processes start and claim, ms',
      of: 'as many processes as that start and claim',
      atMost: 30_000,
    },
  ],
}

const counted: Row = {
  id: 'counters',
  what: 'The same 1,024 workers with two counters each',
  slow: true,
  stage: ({ dir }) => startCrowd(dir, { workers: 1024, counters: { hits: 'counter', busy: 'gauge' } }),
  trials: (['readAll', 'snapshot', 'changes'] as const).map((method) => ({
    name: method,
    role: method === 'readAll' ? 'floor' : 'ours',
    prepare: ({ stage }) => {
      const board = new Scoreboard({ baseDir: stage.baseDir as string })
      return again(() => board[method](), 'us', 1)
    },
  })),
  bars: [
    { what: 'snapshot with counters against readAll', of: 'snapshot', by: 'readAll', atMost: 5 },
    {
      what: 'changes without a cursor against snapshot, with counters',
      of: 'changes',
      by: 'snapshot',
      atMost: 1.5,
    },
  ],
}

const CHANGING = 100

/** All that watchers of one handle do about one piece of news of a hundred workers, for each of them. */
function watchers(count: number): Trial {
  return {
    name: `told of ${CHANGING} updates, each of ${count} watchers`,
    role: count === 1 ? 'floor' : 'ours',
    run: async ({ dir }) => {
      using board = new Scoreboard({ baseDir: dir })
      const publishers = Array.from(
        { length: CHANGING },
        (_, i) => new Scoreboard({ baseDir: dir, workerId: `${i}` }),
      )
      for (const publisher of publishers) publisher.update('first')
      const { signal } = new AbortController()
      const all = Array.from({ length: count }, () => board.watch({ signal }))
      for (const watcher of all) await watcher.next()
      const values: number[] = []
      for (let round = 0; round < 30; round++) {
        const pending = all.map((watcher) => watcher.next())
        await delay(5)
        for (const publisher of publishers) publisher.update(`round ${round} of a status of some length`)
        const before = performance.now()
        await Promise.all(pending)
        values.push(((performance.now() - before) * 1000) / count)
      }
      for (const publisher of publishers) publisher.close()
      return { unit: 'us', values: values.slice(5) }
    },
  }
}

const watching: Row = {
  id: 'watchers',
  what: `From ${CHANGING} updates until all watchers of one handle know, for each watcher`,
  slow: true,
  trials: [1, 4, 16, 100].map(watchers),
  bars: [
    {
      what: 'each of 100 watchers against one alone',
      of: `told of ${CHANGING} updates, each of 100 watchers`,
      by: `told of ${CHANGING} updates, each of 1 watchers`,
      atMost: 0.5,
    },
  ],
}

const FILE_SLOTS = [64, 1024, 2048, 10_000, 65_535]

const sizes: Row = {
  id: 'size',
  what: 'Memory that a board of so many slots takes for one worker, per slot',
  trials: FILE_SLOTS.map((slots) => ({
    name: `${slots} slots`,
    role: slots === 64 ? 'floor' : 'ours',
    run: ({ dir }) => {
      using board = new Scoreboard({ baseDir: dir, slots })
      board.update('alone')
      return { unit: 'bytes', values: [(fs.statSync(path.join(dir, 'board')).blocks * 512) / slots] }
    },
  })),
  bars: [{ what: 'a board of 65,535 slots, bytes a slot', of: '65535 slots', atMost: 64 }],
}

/** Items drained a second from a queue that has got so many, each by an `add()` of its own or all by one. */
function drained(items: number, isSingle: boolean, isServed = false): Trial {
  return {
    name: `${items} items by ${isSingle ? 'as many add()' : 'one add()'}${isServed ? ' on ZooKeeper' : ''}`,
    role: isSingle ? 'ours' : 'floor',
    rival: isServed ? 'zookeeper' : undefined,
    run: async (params) => {
      const queue = await WatchdogQueue.connect(
        isServed ? zookeeperUrl(params) : path.join(params.dir, 'queue'),
      )
      await queue.createQueue({ sealed: false })
      const all = itemList(items)
      if (isSingle) for (const item of all) await queue.add([item])
      else await queue.add(all)
      const before = performance.now()
      const timer = await queue.createTimer('drainer')
      let left = items
      const acks: Promise<void>[] = []
      for await (const lease of timer.leases()) {
        acks.push(lease.ack())
        if (--left === 0) break
      }
      await Promise.all(acks)
      const seconds = (performance.now() - before) / 1000
      await queue.close()
      return { unit: 'ops/s', values: [items / seconds] }
    },
  }
}

const adds: Row = {
  id: 'adds',
  what: 'Draining a queue whose items came one at a time',
  slow: true,
  rounds: 1,
  trials: [false, true].flatMap((isServed) =>
    [30, 300, 3000].flatMap((items) => [drained(items, false, isServed), drained(items, true, isServed)]),
  ),
  bars: ['', ' on ZooKeeper'].map((where) => ({
    what: `3,000 single add()s drained a second${where}`,
    of: `3000 items by as many add()${where}`,
    atLeast: 5000,
  })),
}

export const curves: Subject = {
  name: 'curves',
  title: 'Curves: how cost grows',
  rows: [workers, counted, watching, sizes, adds, timers, processes, connections, ...onZookeeper],
}
