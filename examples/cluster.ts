// Every worker of node:cluster on one board. The primary prints who does what.
//
//   node dist/examples/cluster.js /tmp/cluster-board          then ask for http://127.0.0.1:<port>/

import cluster from 'node:cluster'
import http from 'node:http'
import { availableParallelism } from 'node:os'
import { instrument, isRequestStatus, noteExits, Scoreboard } from '../lib'

const baseDir = process.argv[2] ?? '/tmp/rollcall-example-cluster'

async function primary(): Promise<void> {
  const workers = Math.min(4, availableParallelism())
  const board = new Scoreboard({ baseDir, counters: { requests: 'counter', bytes: 'counter' } })
  // So that lists say `SIGKILL` or `exited 1` of who has died.
  noteExits(cluster, board)
  for (let i = 0; i < workers; i++) cluster.fork()
  cluster.on('listening', (_, { port }) => console.log(`listening on http://127.0.0.1:${port}/`))
  // A worker that died is replaced; what it had served stays in the totals.
  cluster.on('exit', (worker) => {
    console.log(`worker ${worker.process.pid} is gone`)
    cluster.fork()
  })
  for await (const { workers } of board.watch({ minIntervalMs: 1000 })) {
    for (const { id, status } of workers) {
      if (!isRequestStatus(status)) continue
      console.log(
        `${id} ${status.state} ${status.method ?? '-'} ${status.path ?? '-'} ${status.requests} served`,
      )
    }
    console.log(`totals ${JSON.stringify(board.totals())}`)
  }
}

function worker(): void {
  const server = http.createServer((_, response) => response.end(`from ${process.pid}\n`))
  instrument(server, { board: new Scoreboard({ baseDir }) })
  server.listen(0, '127.0.0.1')
}

if (cluster.isPrimary) void primary()
else worker()
