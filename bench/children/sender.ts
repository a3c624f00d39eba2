// The sending side of process.send: how long the call itself takes, in batches that fit into the
// channel, so that nothing is queued and nobody waits.

import { nowNs } from '../measure'
import { MASK, statuses } from '../statuses'

const BATCH = 64
const all = statuses(64)
const budgetMs = Number(process.argv[2])
const started = nowNs()
const samples: number[] = []

function sendBatch(): void {
  const before = process.hrtime.bigint()
  for (let i = 0; i < BATCH; i++) process.send!(all[i & MASK])
  const took = Number(process.hrtime.bigint() - before) / BATCH
  const elapsedMs = (nowNs() - started) / 1e6
  // The first quarter warms up.
  if (elapsedMs > budgetMs / 4) samples.push(took)
  process.send!(elapsedMs > budgetMs * 1.25 && samples.length > 20 ? samples : 'drained?')
}

process.on('message', sendBatch)
process.on('disconnect', () => process.exit())
sendBatch()
