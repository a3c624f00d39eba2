// A task of piscina: counts one job. Its thread sleeps between tasks, so it publishes what it has counted itself.

import { workerData } from 'node:worker_threads'
import { Counter, Registry } from 'prom-client'
import { publishMetrics } from '../../lib/metrics/prom-publisher'

const registry = new Registry()
const jobs = new Counter({ name: 'jobs_total', help: 'Jobs', registers: [registry] })
const publication = publishMetrics(registry, { baseDir: workerData as string })

export default async function task(): Promise<void> {
  jobs.inc()
  await publication.publish()
}
