// One worker of the fleet's demo: a thread that says what it makes believe to do.

import { parentPort, threadId, workerData } from 'node:worker_threads'
import { Scoreboard } from '../scoreboard/scoreboard'

const TASKS = ['idle', 'resizes photo', 'sends mail to', 'indexes page', 'encodes clip'] as const
const BETWEEN_MS = 400
const HANG_MS = 6000

const { baseDir, workerId } = workerData as { baseDir: string; workerId: string }
const board = new Scoreboard({ baseDir, workerId, heartbeatMs: 250, counters: { tasks: 'counter' } })
let done = 0

function work(): void {
  const task = TASKS[(done * 7 + threadId * 3) % TASKS.length]!
  board.update(task === 'idle' ? task : `${task} ${1000 + done * 13 + threadId}`)
  board.counters.add('tasks')
  done += 1
}

/** What nobody should do: nothing else runs meanwhile. */
function compareAllPairs(): void {
  const end = Date.now() + HANG_MS
  while (Date.now() < end);
}

parentPort!.on('message', () => {
  board.update('compares all pairs')
  compareAllPairs()
})
work()
setInterval(work, BETWEEN_MS + threadId * 10)
