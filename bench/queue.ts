// The queue on ZooKeeper: sixteen workers in one process, each with a connection of its own, beside the
// protocol of the queue's ancestor over the same native client, on the same server in the same run.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ConnectOptions } from '../lib'
import type { Certificates } from '../test/support/certificates'
import { figuresOf, startTlsZookeeper } from '../test/support/zookeeper-server'
import type { Row, Subject, Trial, TrialParams } from './harness/plan'
import {
  type CreationPlace,
  type Crew,
  createdIn,
  creation,
  crewOfHandles,
  crewRate,
  type DrainWay,
  itemList,
  makePlain,
  queueRate,
  SHORT_STALL,
  stalledIn,
} from './queue-trial'
import { BareWriter } from './rivals/bare-writer'
import { PerlProtocolQueue } from './rivals/perl-protocol'

const WORKERS = 16
/** How many items of each kind of work; the ancestor's protocol takes seconds for a few thousand. */
const ITEMS = {
  leases: { full: 100_000, quick: 10_000 },
  single: { full: 4000, quick: 400 },
  created: { full: 100_000, quick: 10_000 },
}

export function hostsOf({ stage }: TrialParams): string {
  return (stage as { zookeeperHosts: string }).zookeeperHosts
}

export function freshRoot(): string {
  return `/bench-${randomBytes(4).toString('hex')}`
}

/** A queue of its own on the server of this run. */
export function zookeeperUrl(params: TrialParams): string {
  return `zk://${hostsOf(params)}${freshRoot()}`
}

function countOf(kind: keyof typeof ITEMS, { quick }: TrialParams): number {
  return quick ? ITEMS[kind].quick : ITEMS[kind].full
}

async function crewOf(join: (id: number) => Promise<Crew['workers'][number]>): Promise<Crew> {
  return {
    workers: await Promise.all(Array.from({ length: WORKERS }, (_, id) => join(id))),
    close: async () => {},
  }
}

function ours(name: string, way: DrainWay, kind: keyof typeof ITEMS): Trial {
  const run = (params: TrialParams) => {
    const url = zookeeperUrl(params)
    return queueRate(url, countOf(kind, params), () => crewOfHandles(url, WORKERS, way))
  }
  return { name, role: 'ours', rival: 'zookeeper', run }
}

const perlProtocol: Trial = {
  name: 'Perl protocol',
  role: 'rival',
  rival: 'zookeeper',
  async run(params) {
    const root = freshRoot()
    const items = countOf('single', params)
    const master = await PerlProtocolQueue.connect(hostsOf(params), root)
    await master.create(itemList(items))
    const crew = await crewOf(async () => {
      const queue = await PerlProtocolQueue.connect(hostsOf(params), root)
      return async () => {
        for (let count = 0; ; count++) if ((await queue.consume()) === undefined) return count
      }
    })
    return crewRate(crew, items)
  },
}

const bareWrites: Trial = {
  name: 'one awaited write an item',
  role: 'floor',
  rival: 'zookeeper',
  async run(params) {
    const items = countOf('single', params)
    const root = freshRoot()
    const crew = await crewOf(async (id) => {
      const writer = await BareWriter.connect(hostsOf(params), `${root}-${id}`)
      return async () => {
        for (let i = 0; i < items / WORKERS; i++) await writer.write(`item ${i}`)
        return items / WORKERS
      }
    })
    return crewRate(crew, items)
  },
}

interface TlsStage {
  plain: string
  secure: string
  certificates: Certificates
}

/** The same server with and without TLS, each client with a certificate. */
function overTls(name: string, role: Trial['role'], scheme: 'zk' | 'zks'): Trial {
  const run = (params: TrialParams) => {
    const { plain, secure, certificates } = params.stage as unknown as TlsStage
    const { ca, client } = certificates
    const tls = { ca: readFileSync(ca), cert: readFileSync(client.cert), key: readFileSync(client.key) }
    const options: ConnectOptions = scheme === 'zks' ? { tls } : {}
    const url = `${scheme}://${scheme === 'zks' ? secure : plain}${freshRoot()}`
    const start = () => crewOfHandles(url, WORKERS, 'leases', options)
    return queueRate(url, countOf('leases', params), start, makePlain, options)
  }
  return { name, role, rival: 'zookeeper', run }
}

const PLAIN = 'leases() + ack()'
const OVER_TLS = 'the same over mutual TLS'

const tlsRow: Row = {
  id: 'tls',
  what: 'Leasing and acking items over TLS, 16 workers, default options, an empty handler',
  slow: true,
  async stage() {
    const { plain, secure, certificates, stop } = await startTlsZookeeper()
    return { params: { plain, secure, certificates }, notes: [], close: stop }
  },
  trials: [overTls(PLAIN, 'floor', 'zk'), overTls(OVER_TLS, 'ours', 'zks')],
  bars: [{ what: 'leases() + ack() over TLS, against plain', of: OVER_TLS, by: PLAIN }],
}

const place: CreationPlace = {
  rival: 'zookeeper',
  url: zookeeperUrl,
  count: (params) => countOf('created', params),
}

const nodes = creation(place, 'nodes on the server', async (create, params) => {
  const port = Number(hostsOf(params).split(':')[1])
  const count = async () => (await figuresOf(port)).get('zk_znode_count')!
  const before = await count()
  await create()
  return { unit: 'nodes', values: [(await count()) - before] }
})

const items = (kind: keyof typeof ITEMS) =>
  `${ITEMS[kind].full.toLocaleString('en')} items; with --quick ${ITEMS[kind].quick.toLocaleString('en')}`

export const queue: Subject = {
  name: 'queue',
  title: 'The queue on ZooKeeper',
  rows: [
    {
      id: 'leases',
      what: 'Leasing and acking items, 16 workers, default options, an empty handler',
      quickly: '10,000 items instead of 100,000',
      notes: [items('leases'), `Perl protocol: ${items('single')}`],
      trials: [ours('leases() + ack()', 'leases', 'leases'), perlProtocol],
      bars: [
        {
          what: 'leases() + ack(), against the Perl protocol',
          of: 'leases() + ack()',
          by: 'Perl protocol',
          atLeast: 60,
        },
      ],
    },
    {
      id: 'lease',
      what: 'The same one at a time: lease(), then ack(), each awaited',
      notes: [items('single')],
      slow: true,
      trials: [bareWrites, ours('lease() + ack()', 'lease', 'single')],
      bars: [],
    },
    tlsRow,
    {
      id: 'create',
      what: 'Creating a queue in one call',
      quickly: '10,000 items instead of 100,000',
      notes: [items('created')],
      trials: [createdIn(place), stalledIn(place), nodes],
      bars: [
        SHORT_STALL,
        { what: 'createQueue(), nodes on the server', of: 'nodes on the server', atMost: 999 },
      ],
    },
  ],
}
