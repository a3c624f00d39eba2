// Child processes that work through a list, each saying on a board what it is at. The parent reads the board; no
// message passes between them.
//
//   node dist/examples/child-processes.js [baseDir]

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Scoreboard } from '../lib'

const CHILDREN = 3
const STEPS = 5

async function parent(baseDir: string): Promise<void> {
  using board = new Scoreboard({ baseDir, counters: { steps: 'counter' } })
  const children = Array.from({ length: CHILDREN }, (_, i) => fork(__filename, [baseDir, `child-${i + 1}`]))
  const ended = Promise.all(children.map((child) => once(child, 'exit')))
  const stop = new AbortController()
  const watching = (async () => {
    for await (const { workers, gone } of board.watch({ signal: stop.signal })) {
      for (const { id, status } of workers) console.log(`${id}: ${String(status)}`)
      for (const { id, reason } of gone) console.log(`${id} ${reason}`)
    }
  })().catch(() => {})
  await ended
  stop.abort()
  await watching
  console.log(`${board.totals().steps} steps done`)
}

async function child(baseDir: string, workerId: string): Promise<void> {
  using board = new Scoreboard({ baseDir, workerId })
  for (let step = 1; step <= STEPS; step++) {
    board.update(`step ${step} of ${STEPS}`)
    await delay(20)
    board.counters.add('steps')
  }
  process.disconnect()
}

const [baseDir, workerId] = process.argv.slice(2)
if (workerId === undefined) void parent(baseDir ?? mkdtempSync(join(tmpdir(), 'rollcall-example-')))
else void child(baseDir!, workerId)
