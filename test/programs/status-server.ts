// A process that serves the status page of the board in its argument, and tells what its memory comes to
// when it is asked.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Scoreboard, statusHandler } from '../../lib'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const board = new Scoreboard({ baseDir: process.argv[2]! })
const server = createServer(statusHandler(board, { intervalMs: 250 }))

process.on('message', () => {
  // What the first collection finds may be freed by the second only.
  for (let i = 0; i < 4; i++) gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  process.send!({ bytes: heapUsed + arrayBuffers })
})
process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
