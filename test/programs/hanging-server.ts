// An instrumented server whose /hang never lets go of the event loop. argv: baseDir. On 'port' it tells its port.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { instrument, Scoreboard } from '../../lib'

const [baseDir] = process.argv.slice(2) as [string]
const server = http.createServer((request, response) => {
  while (request.url!.startsWith('/hang')) {
    // Until somebody kills it.
  }
  response.end()
})
instrument(server, { board: new Scoreboard({ baseDir, workerId: 'w' }) })
server.listen(0, '127.0.0.1', () => process.send!('ready'))
process.on('message', () => process.send!({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
