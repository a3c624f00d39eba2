// Counting, and summing over processes, with prom-client.

import path from 'node:path'
import { ended, nextMessage, startNode } from '../harness/machine'
import { CHILDREN_DIR } from '../harness/paths'
import type { Measurement, Trial, TrialParams } from '../harness/plan'
import { timeCalls } from '../measure'
import { rivalPackage } from '.'

function increment(labelled: boolean, { budgetMs }: TrialParams): Measurement {
  const { Counter, Registry } = rivalPackage('prom-client')
  const counter = new Counter({
    name: 'requests',
    help: 'requests',
    registers: [new Registry()],
    labelNames: labelled ? ['method'] : [],
  })
  const label = { method: 'GET' }
  const plain = (calls: number) => {
    for (let i = 0; i < calls; i++) counter.inc()
  }
  const withLabel = (calls: number) => {
    for (let i = 0; i < calls; i++) counter.inc(label)
  }
  return { unit: 'ns', values: timeCalls(labelled ? withLabel : plain, budgetMs) }
}

const CLUSTER_WORKERS = 4

async function collect({ budgetMs }: TrialParams): Promise<Measurement> {
  const primary = startNode(
    path.join(CHILDREN_DIR, 'prom-cluster.js'),
    [String(CLUSTER_WORKERS), String(budgetMs)],
    undefined,
  )
  const values = await nextMessage<number[]>(primary)
  await ended(primary)
  return { unit: 'us', values }
}

export const countTrials: Trial[] = [
  {
    name: 'prom-client inc()',
    role: 'rival',
    rival: 'prom-client',
    run: (params) => increment(false, params),
  },
  {
    name: 'prom-client inc({ method })',
    role: 'rival',
    rival: 'prom-client',
    run: (params) => increment(true, params),
  },
]

export const collectTrials: Trial[] = [
  {
    name: `prom-client clusterMetrics, ${CLUSTER_WORKERS} workers`,
    role: 'rival',
    rival: 'prom-client',
    run: collect,
  },
]
