// A worker that counts as those of prom-cluster.ts do, and publishes by a board. argv: baseDir.

import { publishMetrics } from '../../lib'
import { rivalPackage } from '../rivals'

const [baseDir] = process.argv.slice(2) as [string]
const { Counter, Registry } = rivalPackage('prom-client')
const registry = new Registry()
for (const name of ['requests', 'bytes', 'busy'])
  new Counter({ name, help: name, registers: [registry] }).inc()
const publication = publishMetrics(registry, { baseDir })
void publication.publish().then(() => process.send!('ready'))
process.on('disconnect', () => process.exit(0))
