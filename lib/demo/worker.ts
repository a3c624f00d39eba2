// One worker of the demo: an HTTP server in a cluster that publishes what it does to the board.

import cluster from 'node:cluster'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { instrument } from '../http/instrument'
import { Scoreboard } from '../scoreboard/scoreboard'
import { ROUTES } from './routes'

const [baseDir, workerId] = [process.env.ROLLCALL_DEMO_DIR!, process.env.ROLLCALL_DEMO_ID!]
// Four beats a second, so that nobody has to watch the demo for long until a worker counts as blocked.
const board = new Scoreboard({ baseDir, workerId, heartbeatMs: 250 })

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let received = 0
  for await (const chunk of request) received += chunk.length
  const route = ROUTES.find(({ method, path }) => method === request.method && path === request.url)
  if (route && route.workMs > 0) await delay(route.workMs)
  response.statusCode = route ? 200 : 404
  response.end(`${request.method} ${request.url}: ${received} bytes in, answered by ${workerId}\n`)
}

const server = createServer((request, response) => {
  // A client that goes away in the middle is no reason for a server to end.
  answer(request, response).catch(() => response.destroy())
})
const undo = instrument(server, { board })

const HANG_MS = 6000

/** What nobody should do in a server: nothing else runs meanwhile. */
function exportYear(): number {
  const end = Date.now() + HANG_MS
  return addUp(end)
}

// By Date.now(), which is no JavaScript: the stack always begins here, not within Node.
function addUp(end: number): number {
  let sum = 0
  while (Date.now() < end) sum += 1
  return sum
}

process.on('message', (message) => {
  if (message === 'hang') exportYear()
  if (message !== 'end') return
  undo()
  board.close()
  server.close(() => cluster.worker?.disconnect())
  server.closeAllConnections()
})
// Ctrl-C and a closed terminal reach the whole process group; the primary decides what they mean, and
// when it is gone this process ends by itself, as every cluster worker does.
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})

server.listen(0, '127.0.0.1')
