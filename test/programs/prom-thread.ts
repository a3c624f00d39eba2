// A worker thread that publishes a prom-client registry with one counter. workerData: baseDir. Each message is a number
// that is added and published, or a way to end.

import { parentPort, workerData } from 'node:worker_threads'
import { Counter, Registry } from 'prom-client'
import { publishMetrics } from '../../lib/metrics/prom-publisher'

const registry = new Registry()
const jobs = new Counter({ name: 'jobs_total', help: 'Jobs', registers: [registry] })
const publication = publishMetrics(registry, { baseDir: workerData as string, intervalMs: 3_600_000 })

parentPort!.on('message', (message: number | 'close' | 'throw' | 'exit') => {
  if (message === 'throw') throw new Error('nobody catches this')
  if (message === 'exit') process.exit(0)
  if (message === 'close') {
    publication.close().then(
      () => parentPort!.postMessage('closed'),
      (error: Error & { code?: string }) => parentPort!.postMessage(error.code),
    )
    return
  }
  jobs.inc(message)
  void publication.publish().then(() => parentPort!.postMessage('published'))
})
