// A worker thread that publishes without pause from 'go' on, until it is told to end or is terminated.

import { parentPort, workerData } from 'node:worker_threads'
// Not all of rollcall: hundreds of these are started.
import { Scoreboard } from '../../lib/scoreboard/scoreboard'

const board = new Scoreboard({ baseDir: workerData as string })
let isEnding = false

parentPort!.on('message', (message) => {
  isEnding = message === 'end'
  burst()
})

let count = 0
const burst = () => {
  for (let i = 0; i < 100; i++) board.update(`status ${count++}`)
  if (count % 1000 === 0) board.update('long'.repeat(1000))
  if (isEnding) parentPort!.close()
  else setImmediate(burst)
}
board.update('ready')
parentPort!.postMessage('ready')
