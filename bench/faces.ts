// What it costs to be looked at: a server that publishes every request, and a scrape of all workers.

import type { ChildProcess } from 'node:child_process'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { clusterMetrics, instrument, Scoreboard } from '../lib'
import type { Shots } from './children/cannon'
import { nextMessage, startNode, stop } from './harness/machine'
import { CHILDREN_DIR } from './harness/paths'
import type { Measurement, Subject, TrialParams } from './harness/plan'
import { scale, timePromises } from './measure'
import { collectTrials } from './rivals/counting'

const PLAIN = 'node:http, an answer of 11 bytes'
const OURS = 'the same, instrumented'

interface Range {
  plain: string
  ours: string
  shoot(url: string, seconds: number): Promise<number>
  close(): Promise<void>
}

/** Both servers in this process, so that they have the same heap, the same core and the same minute. */
async function openRange({ dir, otherCore }: TrialParams): Promise<Range> {
  const board = new Scoreboard({ baseDir: dir, counters: { requests: 'counter', bytes: 'counter' } })
  const servers = [0, 1].map(() => http.createServer((_, response) => response.end('hello world')))
  instrument(servers[1]!, { board })
  const urls = await Promise.all(servers.map(listen))
  const cannon = startNode(path.join(CHILDREN_DIR, 'cannon.js'), [], otherCore)
  const shoot = (url: string, seconds: number) => {
    cannon.send({ url, seconds } satisfies Shots)
    return nextMessage<number>(cannon)
  }
  // So that none is the first to be compiled.
  for (const url of urls) await shoot(url, 1)
  return { plain: urls[0]!, ours: urls[1]!, shoot, close: () => stop(cannon) }
}

function listen(server: http.Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    )
  })
}

async function requestRate(params: TrialParams, which: 'plain' | 'ours'): Promise<Measurement> {
  const range = await openRange(params)
  const values: number[] = []
  for (let i = 0; i < (params.quick ? 1 : 3); i++) values.push(await range.shoot(range[which], 1))
  await range.close()
  return { unit: 'ops/s', values }
}

/** In turns, and in turns of who begins. */
async function requestRatios(params: TrialParams): Promise<number[]> {
  const range = await openRange(params)
  const ratios: number[] = []
  for (let i = 0; i < (params.quick ? 2 : 10); i++) {
    const order = i % 2 === 0 ? (['plain', 'ours'] as const) : (['ours', 'plain'] as const)
    const rates = { plain: 0, ours: 0 }
    for (const which of order) rates[which] = await range.shoot(range[which], 1)
    ratios.push(rates.ours / rates.plain)
  }
  await range.close()
  return ratios
}

const WORKERS = 4

async function scrape({ dir, budgetMs }: TrialParams): Promise<Measurement> {
  const program = path.join(CHILDREN_DIR, 'prom-publisher.js')
  const workers: ChildProcess[] = Array.from({ length: WORKERS }, () => startNode(program, [dir], undefined))
  await Promise.all(workers.map((worker) => nextMessage(worker)))
  const collect = async () => {
    const text = await clusterMetrics({ baseDir: dir })
    if (!text.includes(`requests ${WORKERS}`)) throw new Error(`Not all workers were counted: ${text}`)
  }
  const values = scale(await timePromises(collect, budgetMs), 1e-3)
  await Promise.all(workers.map(stop))
  return { unit: 'us', values }
}

const SCRAPE = `clusterMetrics over a board, ${WORKERS} workers`

export const faces: Subject = {
  name: 'faces',
  title: 'Being looked at',
  rows: [
    {
      id: 'instrument',
      what: 'Requests a second of a server that does next to nothing',
      trials: [
        { name: PLAIN, role: 'floor', run: (params) => requestRate(params, 'plain') },
        { name: OURS, role: 'ours', run: (params) => requestRate(params, 'ours') },
      ],
      bars: [{ what: OURS, of: OURS, by: PLAIN, atLeast: 0.98, ratios: requestRatios }],
      slow: true,
    },
    {
      id: 'scrape',
      what: 'Add up the metrics of 4 workers that count with prom-client',
      trials: [{ name: SCRAPE, role: 'ours', rival: 'prom-client', run: scrape }, ...collectTrials],
      bars: [],
      slow: true,
    },
  ],
}
