// A queue on this machine's files, once npm `libsql` is installed.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { WatchdogQueue } = require('rollcall')

async function main() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'rollcall-queue-'))
  const queue = await WatchdogQueue.connect(path.join(home, 'queue'))
  await queue.createQueue({ queue: ['a', 'b'] })
  const timer = await queue.createTimer('w')
  for await (const lease of timer.leases()) await lease.ack()
  await timer.end()
  const { ok, done } = await queue.waitDone({ workers: true, timeoutMs: 60_000 })
  assert.deepEqual({ ok, done }, { ok: true, done: 2 })
  await queue.destroy()
  await queue.close()
  fs.rmSync(home, { recursive: true })
  console.log('used')
}

void main()
