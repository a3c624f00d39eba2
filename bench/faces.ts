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
import { rivalPackage } from './rivals'
import { collectTrials } from './rivals/counting'

const PLAIN = 'node:http, an answer of 11 bytes'
const LEAST = 'the same, with one listener and one update of 64 B'
const OURS = 'the same, instrumented'
const COUNTED = 'the same, instrumented with metrics: method, outcome, route, latency'
const BUNDLE = 'the same, its handler called by express-prom-bundle: method, status code, latency'
const KINDS = [PLAIN, LEAST, OURS] as const
type Kind = (typeof KINDS)[number] | typeof COUNTED | typeof BUNDLE

/** The same server, but each request asks for another path. */
const VARIED = `${OURS}, each request for another path`

/** How many pairs of a second each. */
const PAIRS = { full: 8, quick: 2 }

interface Range {
  /** Requests a second, for one second. */
  shoot(kind: Kind): Promise<number>
  close(): Promise<void>
}

const counters = { requests: 'counter', bytes: 'counter' } as const
const status = 'x'.repeat(64)

function serverOf(kind: Kind, dir: string): http.Server {
  if (kind === PLAIN) return http.createServer((_, response) => response.end('hello world'))
  if (kind === BUNDLE) {
    const bundle = rivalPackage('express-prom-bundle')({ includeMethod: true, promRegistry: newRegistry() })
    // What Express adds to a request, and the bundle asks for.
    const asExpress = (request: http.IncomingMessage) => Object.assign(request, { originalUrl: request.url })
    return http.createServer((request, response) =>
      bundle(asExpress(request), response, () => response.end('hello world')),
    )
  }
  const board = new Scoreboard({ baseDir: path.join(dir, String(KINDS.indexOf(kind as never))), counters })
  if (kind === LEAST) {
    let ended = 0
    return http.createServer((_, response) => {
      response.on('close', () => ended++)
      board.update(status)
      response.end('hello world')
    })
  }
  const server = http.createServer((_, response) => response.end('hello world'))
  instrument(server, kind === COUNTED ? { board, metrics: true, route: () => '/' } : { board })
  return server
}

function newRegistry(): unknown {
  return new (rivalPackage('prom-client').Registry)()
}

/** All servers in this process, so that they have the same heap, the same core and the same minute. */
async function openRange(
  { dir, otherCore }: TrialParams,
  { kinds = KINDS, varied = false }: { kinds?: readonly Kind[]; varied?: boolean } = {},
): Promise<Range> {
  const urls = new Map<Kind, string>()
  for (const kind of kinds) urls.set(kind, await listen(serverOf(kind, dir)))
  const cannon = startNode(path.join(CHILDREN_DIR, 'cannon.js'), [], otherCore)
  const shoot = (kind: Kind) => {
    cannon.send({ url: urls.get(kind)!, seconds: 1, varied } satisfies Shots)
    return nextMessage<number>(cannon)
  }
  // So that none is the first to be compiled.
  for (const kind of kinds) await shoot(kind)
  return { shoot, close: () => stop(cannon) }
}

function listen(server: http.Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    )
  })
}

async function requestRate(params: TrialParams, kind: Kind): Promise<Measurement> {
  const range = await openRange(params, { kinds: [...new Set([...KINDS, kind])] })
  const values: number[] = []
  for (let i = 0; i < (params.quick ? 1 : 3); i++) values.push(await range.shoot(kind))
  await range.close()
  return { unit: 'ops/s', values }
}

/** In turns, and each begins in turn. */
async function requestRatios(params: TrialParams, kind: Kind, varied = false): Promise<number[]> {
  const range = await openRange(params, { kinds: [...new Set([...KINDS, kind])], varied })
  const ratios: number[] = []
  for (let i = 0; i < (params.quick ? PAIRS.quick : PAIRS.full); i++) {
    const rates = new Map<Kind, number>()
    const order: Kind[] = i % 2 === 0 ? [PLAIN, kind] : [kind, PLAIN]
    for (const which of order) rates.set(which, await range.shoot(which))
    ratios.push(rates.get(kind)! / rates.get(PLAIN)!)
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
        { name: PLAIN, role: 'floor', run: (params) => requestRate(params, PLAIN) },
        { name: LEAST, role: 'floor', run: (params) => requestRate(params, LEAST) },
        { name: OURS, role: 'ours', run: (params) => requestRate(params, OURS) },
      ],
      bars: [
        {
          what: OURS,
          of: OURS,
          by: PLAIN,
          atLeast: 0.98,
          processes: 3,
          ratios: (params) => requestRatios(params, OURS),
        },
        { what: VARIED, of: OURS, by: PLAIN, ratios: (params) => requestRatios(params, OURS, true) },
        { what: LEAST, of: LEAST, by: PLAIN, ratios: (params) => requestRatios(params, LEAST) },
      ],
      slow: true,
    },
    {
      id: 'request-metrics',
      what: 'Requests a second of the same server with each request counted and timed for Prometheus',
      trials: [
        { name: PLAIN, role: 'floor', run: (params) => requestRate(params, PLAIN) },
        { name: COUNTED, role: 'ours', run: (params) => requestRate(params, COUNTED) },
        {
          name: BUNDLE,
          role: 'rival',
          rival: 'express-prom-bundle',
          run: (params) => requestRate(params, BUNDLE),
        },
      ],
      bars: [
        { what: COUNTED, of: COUNTED, by: PLAIN, ratios: (params) => requestRatios(params, COUNTED) },
        { what: BUNDLE, of: BUNDLE, by: PLAIN, ratios: (params) => requestRatios(params, BUNDLE) },
      ],
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
