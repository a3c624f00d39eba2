// A worker whose server is instrumented, and shows the status page: `{ baseDir, id, metrics, heartbeatMs }`. Asked for its
// `port`, it says it.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { instrument, Scoreboard, statusHandler } from '../../lib'

const { baseDir, id, metrics, heartbeatMs } = JSON.parse(process.argv[2]!) as {
  baseDir: string
  id: string
  metrics?: boolean
  heartbeatMs?: number
}
const board = new Scoreboard({ baseDir, workerId: id, heartbeatMs })
const page = statusHandler(board)
const server = createServer((request, response) => {
  if (request.url!.startsWith('/status')) page(request, response)
  else response.end('works')
})
instrument(server, { board, metrics })
process.on('message', () => process.send!({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () => process.send!('ready'))
