// Reads the metrics of all again and again, and so retains the dead, until it is killed. argv: baseDir.

import { clusterMetrics } from '../../lib'

const [baseDir] = process.argv.slice(2) as [string]

async function forEver(): Promise<void> {
  await clusterMetrics({ baseDir })
  process.send!('ready')
  for (;;) {
    await clusterMetrics({ baseDir })
    await new Promise((resolve) => setImmediate(resolve))
  }
}

process.on('disconnect', () => process.exit(0))
void forEver()
