// Publishes a prom-client registry. argv: baseDir. Messages: a number is added to the counter, and answered when it
// is published; 'hang' blocks the event loop for ever; 'close' ends well; 'exit' ends without a word.

import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { publishMetrics } from '../../lib'

const [baseDir] = process.argv.slice(2) as [string]
const registry = new Registry()
const registers = [registry]
const done = new Counter({ name: 'jobs_done', help: 'Jobs', registers, labelNames: ['kind'] })
const busy = new Gauge({ name: 'busy', help: 'Busy', registers })
const most = new Gauge({ name: 'most', help: 'Most', registers, aggregator: 'max' })
const took = new Histogram({ name: 'took', help: 'Took', registers, buckets: [1, 10] })
const publication = publishMetrics(registry, { baseDir, intervalMs: 3_600_000 })

process.on('message', (message) => {
  void (async () => {
    if (message === 'exit') process.exit(0)
    if (message === 'close') {
      done.inc({ kind: 'a' }, 1)
      await publication.close()
      process.exit(0)
    }
    if (message === 'hang') {
      process.send!('hanging', () => {
        for (;;) {
          // Until somebody kills it.
        }
      })
      return
    }
    const n = message as number
    done.inc({ kind: 'a' }, n)
    busy.set(n)
    most.set(n)
    took.observe(n)
    await publication.publish()
    process.send!('published')
  })()
})
process.on('disconnect', () => process.exit(1))
void publication.publish().then(() => process.send!('ready'))
