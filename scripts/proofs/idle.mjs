// What a hundred idle workers with hearts cost: under one percent of a core together. `npm run build && node scripts/proofs/idle.mjs [WORKERS]`

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const WORKERS = Number(process.argv[2] ?? 100)
const SETTLE_MS = 60_000
const LOOK_MS = 20_000
const MOST = 0.01

const baseDir = mkdtempSync(join(tmpdir(), 'rollcall-idle-'))
const workers = []
try {
  for (let i = 0; i < WORKERS; i++) {
    const options = JSON.stringify({ baseDir, workerId: `idle-${i}`, slots: WORKERS })
    workers.push(fork(resolve('dist/test/programs/hanging.js'), [options, 'turns']))
    await once(workers.at(-1), 'message')
  }
  // V8 gives memory back in several rounds, up to half a minute after a start.
  await delay(SETTLE_MS)
  const [startedAt, before] = [performance.now(), cpuMs()]
  await delay(LOOK_MS)
  const [passedMs, after] = [performance.now() - startedAt, cpuMs()]
  const share = (after - before) / passedMs
  const each = ((after - before) * 1000) / (WORKERS * (passedMs / 1000))
  console.log(
    `${WORKERS} idle workers: ${(100 * share).toFixed(2)} % of a core, ${each.toFixed(0)} us a beat of each`,
  )
  assert.ok(share < MOST, `more than ${100 * MOST} % of a core`)
} finally {
  for (const worker of workers) worker.kill('SIGKILL')
  rmSync(baseDir, { recursive: true, force: true })
}

/** What all threads of all workers have run for, as the kernel's scheduler counts it. */
function cpuMs() {
  let ns = 0
  for (const { pid } of workers) {
    for (const task of readdirSync(`/proc/${pid}/task`))
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
  }
  return ns / 1e6
}
