// Five hundred stacks of a busy server, one after the other: `npm run build && node scripts/proofs/why.mjs`, or another number. The server must
// answer all the while, not grow, and be closed again to debuggers.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const require = createRequire(import.meta.url)
const { Scoreboard, stackOf } = require(resolve('dist/lib/index.js'))
const rounds = Number(process.argv[2] ?? 500)
const baseDir = mkdtempSync(join(tmpdir(), 'rollcall-why-'))
const board = new Scoreboard({ baseDir })
const options = JSON.stringify({ baseDir, workerId: 'server' })
const stdio = ['ignore', 'ignore', 'ignore', 'ipc']
const server = fork(resolve('dist/test/programs/hanging.js'), [options, 'serves'], {
  stdio,
  serialization: 'advanced',
})
await once(server, 'message')
server.send('hang')
await new Promise((resolve) => setTimeout(resolve, 300))
server.send('port')
const [port] = await once(server, 'message')

let answers = 0
let isOver = false
const load = (async () => {
  for (; !isOver; answers++) assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200)
})()
const look = () =>
  board.snapshot({ vitals: true, includeDead: true }).workers.find(({ id }) => id === 'server')
const memory = []
const open = []
for (let round = 1; round <= rounds; round++) {
  const worker = look()
  const before = answers
  const stack = await stackOf(worker, { board, timeoutMs: 20_000 })
  assert.equal(stack.refusal, undefined, JSON.stringify(stack))
  while (answers === before) await new Promise((resolve) => setTimeout(resolve, 1))
  memory.push(worker.vitals.rssBytes)
  open.push(stack.inspectorOpenMs)
}
isOver = true
await load
open.sort((a, b) => a - b)
const mean = (list) => list.reduce((sum, one) => sum + one, 0) / list.length / 1e6
const quarter = Math.ceil(rounds / 4)
console.log(`${rounds} stacks, ${answers} requests answered, the server ${look().state}`)
console.log(`inspector open: median ${open[rounds >> 1].toFixed(0)} ms, longest ${open.at(-1).toFixed(0)} ms`)
const [second, last] = [mean(memory.slice(quarter, 2 * quarter)), mean(memory.slice(-quarter))]
console.log(`memory: ${second.toFixed(1)} MB in the second quarter, ${last.toFixed(1)} MB in the last`)
assert.equal(look().state, 'live')
server.kill('SIGKILL')
await once(server, 'exit')
board.close()
rmSync(baseDir, { recursive: true, force: true })
