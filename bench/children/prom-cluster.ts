// The primary of a cluster whose workers count with prom-client, and those workers: microseconds
// of each collection of all of them.

import cluster from 'node:cluster'
import { scale, timePromises } from '../measure'
import { rivalPackage } from '../rivals'

const [workers, budgetMs] = process.argv.slice(2).map(Number)

async function primary(): Promise<void> {
  const { AggregatorRegistry } = rivalPackage('prom-client')
  const registry = new AggregatorRegistry()
  const started = Array.from({ length: workers! }, () => {
    const worker = cluster.fork()
    return new Promise((resolve) => worker.once('message', resolve))
  })
  await Promise.all(started)
  const collect = async () => {
    const text: string = await registry.clusterMetrics()
    if (!text.includes(`requests ${workers}`)) throw new Error(`Not all workers were counted: ${text}`)
  }
  const values = scale(await timePromises(collect, budgetMs!), 1e-3)
  for (const worker of Object.values(cluster.workers!)) worker!.kill()
  process.send!(values, () => process.exit())
}

function worker(): void {
  const { Counter, AggregatorRegistry } = rivalPackage('prom-client')
  new AggregatorRegistry() // which listens to the primary
  for (const name of ['requests', 'bytes', 'busy']) new Counter({ name, help: name }).inc()
  process.send!('ready')
}

if (cluster.isPrimary) void primary()
else worker()
