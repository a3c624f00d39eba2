// A server for PM2's cluster mode: each process is a worker of the board.

const http = require('node:http')
const { instrument, Scoreboard } = require('rollcall')

const board = new Scoreboard({
  baseDir: process.env.BOARD ?? '/tmp/rollcall-pm2',
  counters: { requests: 'counter' },
})
const server = http.createServer((_, response) => response.end(`from ${process.pid}\n`))
instrument(server, { board })
server.listen(Number(process.env.PORT ?? 8080), () => process.send?.('ready'))

// PM2 sends SIGINT, and SIGKILL 1.6 seconds later: who exits with 0 has closed, everybody else has died.
process.once('SIGINT', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
