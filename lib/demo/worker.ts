// One worker of the demo: an HTTP server in a cluster that publishes what it does to the board.

import cluster from 'node:cluster'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { Scoreboard } from '../scoreboard/scoreboard'
import { type RequestStatus, ROUTES } from './routes'

const [baseDir, workerId] = [process.env.ROLLCALL_DEMO_DIR!, process.env.ROLLCALL_DEMO_ID!]
const board = new Scoreboard({ baseDir, workerId })
let answered = 0
let isEnding = false

function publish(
  state: RequestStatus['state'],
  request?: IncomingMessage,
  startedAt = performance.now(),
): void {
  if (isEnding) return
  const seconds = Math.round(performance.now() - startedAt) / 1000
  board.update({ state, method: request?.method, path: request?.url, requests: answered, seconds })
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const startedAt = performance.now()
  publish('reading', request, startedAt)
  let received = 0
  for await (const chunk of request) received += chunk.length

  publish('working', request, startedAt)
  const route = ROUTES.find(({ method, path }) => method === request.method && path === request.url)
  if (route && route.workMs > 0) await delay(route.workMs)

  publish('writing', request, startedAt)
  response.statusCode = route ? 200 : 404
  response.end(`${request.method} ${request.url}: ${received} bytes in, answered by ${workerId}\n`)
  answered += 1
  publish('waiting', request, startedAt)
}

const server = createServer((request, response) => {
  // A client that goes away in the middle is no reason for a server to end.
  answer(request, response).catch(() => response.destroy())
})

process.on('message', (message) => {
  if (message !== 'end') return
  isEnding = true
  board.close()
  server.close(() => cluster.worker?.disconnect())
  server.closeAllConnections()
})
// Ctrl-C and a closed terminal reach the whole process group; the primary decides what they mean, and
// when it is gone this process ends by itself, as every cluster worker does.
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})

publish('waiting')
server.listen(0, '127.0.0.1')
