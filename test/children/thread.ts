// A worker thread that publishes without pause until it is told to end or is terminated.

import { parentPort, workerData } from 'node:worker_threads'
import { Scoreboard } from '../../lib'

const board = new Scoreboard({ baseDir: workerData as string })
let isEnding = false

parentPort!.once('message', () => {
  isEnding = true
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
burst()
