// A worker that publishes what it is doing and ends in one of many ways. argv: baseDir, where ('process' or 'thread'),
// how.
// It ends at the first byte on its stdin. A thread ends alone, and its process when its stdin does.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Scoreboard } from '../../lib/scoreboard/scoreboard'

const [baseDir, where, how] = (isMainThread ? process.argv.slice(2) : workerData) as [string, string, string]

const ENDINGS: Record<string, (board: Scoreboard) => void> = {
  close: (board) => board.close(),
  'end of the script': () => {},
  'exit 0': () => process.exit(0),
  'exit code 0 set': () => {
    process.exitCode = 0
  },
  'exit 1': () => process.exit(1),
  'exit code 3 set': () => {
    process.exitCode = 3
  },
  throw: () => {
    throw new Error('nobody catches this')
  },
  rejection: () => void Promise.reject(new Error('nobody handles this')),
  SIGTERM: () => process.kill(process.pid, 'SIGTERM'),
  SIGKILL: () => process.kill(process.pid, 'SIGKILL'),
  abort: () => process.abort(),
  'out of heap': () => {
    const all: unknown[] = []
    for (;;) all.push(new Array(10_000).fill(all.length))
  },
}

/** Ends when it is told to: whoever watches must have seen it first. */
function work(): void {
  const board = new Scoreboard({ baseDir, workerId: 'w', counters: { jobs: 'counter' } })
  board.update('before')
  board.counters.add('jobs', 7)
  // Longer than a slot: its file must outlive the worker, too.
  board.update(`at job 7${'.'.repeat(5000)}`)
  const end = () => ENDINGS[how]!(board)
  if (isMainThread) process.stdin.once('data', () => process.stdin.once('close', end).destroy())
  else parentPort!.once('message', end)
}

function host(): void {
  const resourceLimits = how === 'out of heap' ? { maxOldGenerationSizeMb: 20 } : {}
  const worker = new Worker(__filename, { workerData: process.argv.slice(2), resourceLimits })
  worker.on('error', () => {})
  process.stdin.once('data', () => {
    if (how === 'terminate') void worker.terminate()
    else if (how === 'process exits') process.exit(0)
    else if (how === 'process throws') throw new Error('nobody catches this')
    else worker.postMessage('end')
  })
  process.stdin.on('end', () => process.exit(0))
}

if (where === 'thread' && isMainThread) host()
else work()
