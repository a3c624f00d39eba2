// One machine of the fleet's demo: a process with a board, its workers as threads, and a place in the fleet. Killed, it
// goes as a machine does whose power fails.

import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Fleet } from '../fleet/fleet'

const [url, baseDir, name, zone, count] = process.argv.slice(2) as [string, string, string, string, string]
const workers = Array.from({ length: Number(count) }, (_, i) => {
  const workerData = { baseDir, workerId: `${name}.${i + 1}` }
  return new Worker(join(__dirname, 'fleet-worker.js'), { workerData })
})

// Without the demo there is nothing to be a machine of.
process.on('disconnect', () => process.exit())
// Ctrl-C and a closed terminal reach the whole process group; the demo decides what they mean.
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})

async function main(): Promise<void> {
  const member = await Fleet.join(url, {
    boards: [baseDir],
    name,
    labels: { zone },
    intervalMs: 100,
    // Three beats of its workers.
    blockedAfterMs: 750,
  })
  process.on('message', async (message) => {
    if (message === 'hang') workers[0]!.postMessage('hang')
    if (message !== 'end') return
    await Promise.all(workers.map((worker) => worker.terminate()))
    await member.leave()
    process.disconnect()
  })
  process.send!('ready')
}

void main()
