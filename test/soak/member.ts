// A process of the soak: a crew of workers that publish as fast as they can, or a manager that polls or
// watches. Told 'leave', it says good-bye; told 'sample', it tells what it takes of the machine.
//
// argv: role, directory of the board, its name, how many workers a crew has

import fs from 'node:fs'
import { Scoreboard } from '../../lib'

/** The `writer` is a crew that never rests; with many such, no new process would get to its start. */
export type MemberRole = 'crew' | 'writer' | 'poller' | 'watcher'

export interface Sample {
  residentBytes: number
  heapBytes: number
  descriptors: number
  /** What it has done since it began: updates, polls, or results of watch(). */
  done: number
}

const BURST = 2000
const REST_MS = 100
const POLL_MS = 10
/** One in so many statuses needs an overflow file. */
const LONG_EVERY = 97
const SHORT_BYTES = 400
const LONG_BYTES = 20_000

const [role, baseDir, name, workers] = process.argv.slice(2) as [MemberRole, string, string, string]
const HANDLES = Number(workers)
const geometry = { slots: 1024, counters: { jobs: 'counter' }, sharedCounters: ['jobs'] } as const
const open = (workerId?: string) =>
  new Scoreboard({ baseDir, workerId, ...geometry, sharedCounters: [...geometry.sharedCounters] })

let done = 0
let leave = (): void => {}

function crew(): void {
  const boards = Array.from({ length: HANDLES }, (_, i) => open(`${name}.${i}`))
  const statuses = Array.from({ length: 97 }, (_, i) => 'x'.repeat((i * SHORT_BYTES) / 97))
  let isLeaving = false
  const burst = () => {
    if (isLeaving) {
      for (const board of boards) board.close()
      process.disconnect()
      return
    }
    for (let i = 0; i < BURST; i++, done++) {
      const board = boards[done % HANDLES]!
      if (done % LONG_EVERY === 0) board.update('y'.repeat(LONG_BYTES))
      else board.update(statuses[done % statuses.length]!)
      board.counters.add('jobs')
    }
    boards[0]!.shared.add('jobs', BURST)
    if (role === 'writer') setImmediate(burst)
    else setTimeout(burst, REST_MS)
  }
  burst()
  leave = () => {
    isLeaving = true
  }
}

function poller(): void {
  const board = open()
  let { cursor } = board.changes()
  const timer = setInterval(() => {
    board.readAll()
    cursor = board.changes(cursor).cursor
    board.totals()
    if (++done % 100 === 0) board.cleanup()
  }, POLL_MS)
  leave = () => {
    clearInterval(timer)
    board.close()
    process.disconnect()
  }
}

async function watcher(): Promise<void> {
  const board = open()
  const stop = new AbortController()
  leave = () => stop.abort()
  try {
    for await (const _ of board.watch({ signal: stop.signal, minIntervalMs: POLL_MS })) done++
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  board.close()
  process.disconnect()
}

function sample(): Sample {
  global.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  const descriptors = fs.readdirSync('/proc/self/fd').length
  return { residentBytes: rss, heapBytes: heapUsed, descriptors, done }
}

process.on('message', (message) => {
  if (message === 'sample') process.send!(sample())
  else leave()
})
process.on('disconnect', () => process.exit(0))
if (role === 'poller') poller()
else if (role === 'watcher') void watcher()
else crew()
process.send!('ready')
