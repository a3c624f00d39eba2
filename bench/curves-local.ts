// Curves of one machine: timers of one process, processes on one queue, requests with a connection of their own. All but
// the last by processor time, which a shared machine leaves alone.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { instrument, Scoreboard, WatchdogQueue } from '../lib'
import type { Visits } from './children/connector'
import { nextMessage, startNode, stop } from './harness/machine'
import { CHILDREN_DIR } from './harness/paths'
import type { Row, Trial, TrialParams } from './harness/plan'
import { itemList, WARM_UP } from './queue-trial'

/** Microseconds of processor time that this process takes for it, all of its threads. */
async function processorUs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

function timersOf(count: number): Trial {
  return {
    name: `createTimer, ${count} in one process`,
    role: 'ours',
    run: async ({ dir }) => {
      const queue = await WatchdogQueue.connect(path.join(dir, 'queue'))
      await queue.createQueue({ queue: ['a'] })
      const us = await processorUs(async () => {
        for (let i = 0; i < count; i++) await queue.createTimer(`timer-${i}`)
      })
      await queue.close()
      return { unit: 'us', values: [us / count] }
    },
  }
}

export const timers: Row = {
  id: 'timers',
  what: 'Making a timer of a local queue, processor time for each',
  slow: true,
  trials: [1, 10, 100, 1000].map(timersOf),
  bars: [
    { what: 'each of 100, us', of: 'createTimer, 100 in one process', atMost: 3000 },
    {
      what: 'each of 1,000 against each of 100',
      of: 'createTimer, 1000 in one process',
      by: 'createTimer, 100 in one process',
      atMost: 1.5,
    },
  ],
}

/** What so many processes take for all items of a queue, each warm from another one. */
function drainedBy(processes: number, items: number): Trial {
  return {
    name: `${items} items, ${processes} processes`,
    role: processes === 1 ? 'floor' : 'ours',
    run: async ({ dir, quick }) => {
      const url = path.join(dir, 'queue')
      const master = await WatchdogQueue.connect(url)
      await master.createQueue({ queue: itemList(items) })
      const program = path.join(CHILDREN_DIR, 'queue-drainer.js')
      const args = ['leases', url, String(quick ? WARM_UP.quick : WARM_UP.full), '1']
      const children = Array.from({ length: processes }, () => startNode(program, args, undefined))
      await Promise.all(children.map((child) => nextMessage(child)))
      const answers = children.map((child) => nextMessage<{ count: number; processorUs: number }>(child))
      for (const child of children) child.send('go')
      const ends = await Promise.all(answers)
      await master.close()
      const us = ends.reduce((sum, { processorUs }) => sum + processorUs, 0)
      return { unit: 'us', values: [us / items] }
    },
  }
}

const ITEMS = [1000, 10_000, 100_000]

export const processes: Row = {
  id: 'processes',
  what: 'Processes on one local queue, processor time of all of them for each item',
  slow: true,
  trials: ITEMS.flatMap((items) => [1, 2, 4].map((count) => drainedBy(count, items))),
  notes: ['of short queues the compiling of the same code in each process is most'],
  bars: [
    {
      what: '100,000 items, four processes against one',
      of: '100000 items, 4 processes',
      by: '100000 items, 1 processes',
      atMost: 2,
    },
  ],
}

const PLAIN = 'node:http, a connection for each request'
const OURS = 'the same, instrumented'
const VISITS = 300
const PAIRS = { full: 40, quick: 4 }

interface Visited {
  rate: number
  processorUs: number
}

/** Both servers in this process, asked in turns. */
async function visits(params: TrialParams, names: readonly string[]): Promise<Map<string, Visited[]>> {
  const board = new Scoreboard({ baseDir: params.dir, counters: { requests: 'counter', bytes: 'counter' } })
  const client = startNode(path.join(CHILDREN_DIR, 'connector.js'), [], params.otherCore)
  const servers = names.map((name) => {
    const server = http.createServer((_, response) => response.end('hello world'))
    if (name === OURS) instrument(server, { board })
    return server
  })
  const visit = async (server: http.Server): Promise<Visited> => {
    const { port } = server.address() as AddressInfo
    const begun = performance.now()
    const us = await processorUs(() => {
      client.send({ port, requests: VISITS } satisfies Visits)
      return nextMessage(client)
    })
    return { rate: (VISITS * 1000) / (performance.now() - begun), processorUs: us / VISITS }
  }
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const all = new Map(names.map((name) => [name, [] as Visited[]]))
  for (let i = -4; i < (params.quick ? PAIRS.quick : PAIRS.full); i++) {
    const order = i % 2 === 0 ? [...names.keys()] : [...names.keys()].reverse()
    for (const at of order) {
      const visited = await visit(servers[at]!)
      if (i >= 0) all.get(names[at]!)!.push(visited)
    }
  }
  await stop(client)
  for (const server of servers) server.close()
  board.close()
  return all
}

function visited(name: string): Trial {
  return {
    name,
    role: name === PLAIN ? 'floor' : 'ours',
    run: async (params) => {
      const all = (await visits(params, [PLAIN, OURS])).get(name)!
      return { unit: 'us', values: all.map(({ processorUs }) => processorUs) }
    },
  }
}

function ratiosOf(of: (visited: Visited) => number): (params: TrialParams) => Promise<number[]> {
  return async (params) => {
    const all = await visits(params, [PLAIN, OURS])
    return all.get(OURS)!.map((visited, i) => of(visited) / of(all.get(PLAIN)![i]!))
  }
}

export const connections: Row = {
  id: 'connections',
  what: 'A request with a connection of its own, processor time of the server',
  slow: true,
  trials: [visited(PLAIN), visited(OURS)],
  bars: [
    {
      what: 'requests a second, instrumented',
      of: OURS,
      by: PLAIN,
      atLeast: 0.97,
      ratios: ratiosOf(({ rate }) => rate),
    },
    {
      what: 'processor time, instrumented',
      of: OURS,
      by: PLAIN,
      ratios: ratiosOf(({ processorUs }) => processorUs),
    },
  ],
}
