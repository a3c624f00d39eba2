// A fleet of many machines on one ZooKeeper server, agents simulated many to a process, and one viewer.

import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Fleet } from '../lib'
import { VIEWERS } from '../lib/fleet/names'
import { openStore } from '../lib/queue/connect'
import { monotonicMs } from '../lib/util/clock'
import { startZookeeper } from '../test/support/zookeeper-server'
import { nextMessage, startNode, stop } from './harness/machine'
import type { Measurement, Row, Stage, StageContext, Subject, Trial, TrialParams } from './harness/plan'

const MACHINES = { full: 1000, quick: 50 }
const WORKERS = 100
const PROCESSES = 2
const CHANGES_PER_SECOND = 1000
const SESSION_MS = 60_000
const CHILD = path.join(__dirname, 'children', 'fleet-machines.js')

interface FleetStage {
  url: string
  ports: number[]
  machines: number
}

/** The server and all machines, for as long as the row is measured. */
async function machines({ dir, quick }: StageContext): Promise<Stage> {
  const count = quick ? MACHINES.quick : MACHINES.full
  const server = await startZookeeper(1, dir, ['snapCount=1000000'])
  const url = `zk://${server.hosts}/bench-${randomBytes(4).toString('hex')}`
  const each = count / PROCESSES
  const begun = performance.now()
  const children = Array.from({ length: PROCESSES }, (_, i) =>
    startNode(CHILD, [url, String(i * each), String(each), String(WORKERS)], undefined),
  )
  const close = async () => {
    await Promise.all(children.map((child) => stop(child)))
    await server.stop()
  }
  try {
    const ports = await Promise.all(children.map((child) => nextMessage<number>(child)))
    const seconds = Math.round((performance.now() - begun) / 1000)
    const notes = [
      `${count} machines, each with a session and ${WORKERS} workers: ${(count * WORKERS).toLocaleString('en')} workers; all joined within ${seconds} s`,
    ]
    return { params: { url, ports, machines: count }, notes, close }
  } catch (error) {
    await close()
    throw error
  }
}

const stageOf = ({ stage }: TrialParams) => stage as unknown as FleetStage

async function tell<T>(port: number, what: string): Promise<T> {
  return (await (await fetch(`http://127.0.0.1:${port}${what}`)).json()) as T
}

async function tellAll(params: TrialParams, what: string): Promise<{ writes: number }[]> {
  return Promise.all(stageOf(params).ports.map((port) => tell<{ writes: number }>(port, what)))
}

function look(params: TrialParams): Promise<Fleet> {
  return Fleet.connect(stageOf(params).url, { sessionTimeoutMs: SESSION_MS, connectTimeoutMs: SESSION_MS })
}

function trial(name: string, measure: (params: TrialParams) => Promise<Measurement>): Trial {
  return { name, role: 'ours', run: measure }
}

const sum = (answers: { writes: number }[]) => answers.reduce((all, { writes }) => all + writes, 0)

/** What the viewer of a trial before has left is answered first: every agent notes that nobody looks. */
async function settled(params: TrialParams): Promise<number> {
  const store = await openStore(stageOf(params).url, {
    sessionTimeoutMs: SESSION_MS,
    connectTimeoutMs: SESSION_MS,
  })
  while ((await store.list(VIEWERS))?.length !== 0) await delay(500)
  await store.close()
  for (let before = -1; ; ) {
    const now = sum(await tellAll(params, '/writes'))
    if (now === before) return now
    before = now
    await delay(5000)
  }
}

const quiet = trial('writes a second while nobody looks and nothing changes', async (params) => {
  const before = await settled(params)
  const seconds = params.quick ? 5 : 65
  await delay(seconds * 1000)
  const written = sum(await tellAll(params, '/writes')) - before
  return { unit: 'nodes', values: [written / seconds] }
})

const firstView = trial('first whole view', async (params) => {
  const begun = performance.now()
  await using fleet = await look(params)
  const { machines: seen } = await fleet.snapshot()
  const ms = performance.now() - begun
  const workers = seen.reduce((all, one) => all + one.workers.length, 0)
  const wanted = stageOf(params).machines * WORKERS
  if (workers !== wanted) throw new Error(`Saw ${workers} of ${wanted} workers`)
  return { unit: 'ms', values: [ms] }
})

const snapshots = trial('a snapshot of all, in memory', async (params) => {
  await using fleet = await look(params)
  const values: number[] = []
  for (let i = 0; i < 20; i++) {
    const begun = performance.now()
    await fleet.snapshot()
    values.push(performance.now() - begun)
  }
  return { unit: 'ms', values }
})

/** As `top` has it: with a snapshot kept. */
const memory = trial('memory of the viewer, a worker', async (params) => {
  const used = () => {
    ;(globalThis as unknown as { gc(): void }).gc()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = used()
  await using fleet = await look(params)
  const kept = await fleet.snapshot()
  const bytes = used() - before
  return {
    unit: 'bytes',
    values: [bytes / kept.machines.reduce((all, { workers }) => all + workers.length, 0)],
  }
})

interface Killed {
  board: string
  id: string
  at: number
}

const killed = trial('a worker killed anywhere until a viewer sees it, p99', async (params) => {
  await using fleet = await look(params)
  const seen = new Map<string, number>()
  const stop = new AbortController()
  const watching = (async () => {
    for await (const { gone } of fleet.watch({ signal: stop.signal })) {
      for (const { board, id } of gone) seen.set(`${board} ${id}`, monotonicMs())
    }
  })().catch(() => {})
  const kills: Killed[] = []
  const { ports } = stageOf(params)
  for (let i = 0; i < (params.quick ? 40 : 200); i++) {
    kills.push(await tell<Killed>(ports[i % ports.length]!, '/kill'))
    await delay(50)
  }
  const isSeen = ({ board, id }: Killed) => seen.has(`${board} ${id}`)
  for (let tries = 0; !kills.every(isSeen) && tries < 300; tries++) await delay(100)
  stop.abort()
  await watching
  const values = kills.map(
    ({ board, id, at }) => (seen.get(`${board} ${id}`) ?? Number.POSITIVE_INFINITY) - at,
  )
  return { unit: 'ms', values: [values.sort((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1]!] }
})

const processor = trial(
  `processor time a second at ${CHANGES_PER_SECOND} changes a second`,
  async (params) => {
    await using fleet = await look(params)
    await tellAll(params, `/rate?n=${CHANGES_PER_SECOND / PROCESSES}`)
    const stop = new AbortController()
    let told = 0
    const watching = (async () => {
      for await (const { workers } of fleet.watch({ signal: stop.signal, minIntervalMs: 1000 })) {
        for (const { merged } of workers) told += merged
      }
    })().catch(() => {})
    await delay(3000)
    const before = { cpu: process.cpuUsage(), told, at: performance.now() }
    await delay(params.quick ? 5000 : 20_000)
    const { user, system } = process.cpuUsage(before.cpu)
    const seconds = (performance.now() - before.at) / 1000
    const followed = (told - before.told) / seconds
    await tellAll(params, '/rate?n=0')
    stop.abort()
    await watching
    if (followed < 0.8 * CHANGES_PER_SECOND)
      throw new Error(`Only ${Math.round(followed)} changes a second were followed`)
    return { unit: 'ms', values: [(user + system) / 1000 / seconds] }
  },
)

const trials = [firstView, quiet, snapshots, memory, killed, processor]

const row: Row = {
  id: 'thousand',
  what: '1,000 machines of 100 workers on one ZooKeeper server, seen by one viewer',
  quickly: `${MACHINES.quick} machines`,
  slow: true,
  rounds: 1,
  stage: machines,
  trials,
  bars: [
    { what: 'writes a second, quiet', of: quiet.name, atMost: 1 },
    { what: 'first whole view, ms', of: firstView.name, atMost: 10_000 },
    { what: 'a snapshot, ms', of: snapshots.name, atMost: 100 },
    { what: 'bytes a worker', of: memory.name, atMost: 1536 },
    { what: 'a death is seen, ms', of: killed.name, atMost: 2000 },
    { what: 'ms of processor a second', of: processor.name, atMost: 500 },
  ],
}

export const fleet: Subject = { name: 'fleet', title: 'A fleet of many machines', rows: [row] }
