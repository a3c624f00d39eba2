// Nodes that are read once and remembered while nothing is told of them: by requests counted on the wire, and by the
// order in which answers and news may come.

import assert from 'node:assert/strict'
import type { TimerInfo, WatchdogQueue } from '../../../../lib'
import type { StoredNode } from '../../../../lib/queue/store/store'
import { RememberedNodes } from '../../../../lib/queue/store/zookeeper/remembered-nodes'
import { eventually } from '../../../support/eventually'
import { Hand } from '../../../support/hand'
import { BreakingProxy } from '../../../support/proxy'
import { connect, describeZookeeper, sharedServer, uniqueRoot } from '../../../support/queue'

function nodeOf(version: number): StoredNode {
  return { version, born: 1, changedAt: 0, children: 0, data: Buffer.alloc(0) }
}

describe('What is remembered of a server', () => {
  let version: number
  let reads: { watch: boolean; answer: (node?: StoredNode) => void }[]
  let nodes: RememberedNodes

  beforeEach(() => {
    version = 0
    reads = []
    nodes = new RememberedNodes((_, watch) => new Promise((answer) => reads.push({ watch, answer })))
  })

  /** What a look finds, where each read is answered at once. */
  async function look(path = '/a'): Promise<number | undefined> {
    const before = reads.length
    const looking = nodes.get(path)
    reads[before]?.answer(nodeOf(version))
    return (await looking)?.version
  }

  function changed(path = '/a'): void {
    version++
    nodes.receive({ type: 'watch', kind: 'changed', path })
  }

  it('is a node that was looked at twice, until it changes', async () => {
    assert.deepEqual([await look(), await look(), await look(), await look()], [0, 0, 0, 0])
    assert.deepEqual(
      reads.map(({ watch }) => watch),
      [false, true],
    )

    changed()

    assert.equal(await look(), 1)
    assert.equal(reads.length, 3)
  })

  it('is nothing that changed between the answer and whoever waits for it', async () => {
    await look()
    const looking = nodes.get('/a')
    reads.at(-1)!.answer(nodeOf(0))
    changed()
    assert.equal((await looking)!.version, 0)

    assert.equal(await look(), 1)
  })

  it('is nothing of a session that has ended', async () => {
    await look()
    const looking = nodes.get('/a')
    reads.at(-1)!.answer(nodeOf(0))
    nodes.forget()
    await looking
    version = 5

    assert.equal(await look(), 5)
    assert.equal(await look(), 5)
    nodes.forget()
    version = 6
    assert.equal(await look(), 6)
  })

  it('is no node that was missing', async () => {
    await look()
    const looking = nodes.get('/a')
    reads.at(-1)!.answer(undefined)
    assert.equal(await looking, undefined)

    assert.equal(await look(), 0)
    assert.equal(reads.at(-1)!.watch, false)
  })

  it('names no more bytes of paths than a server takes when the connection comes back', async () => {
    const paths = Array.from({ length: 1500 }, (_, i) => `/${i}/`.padEnd(1000, 'x'))
    for (let round = 0; round < 3; round++) for (const path of paths) await look(path)

    const watched = reads.filter(({ watch }) => watch).length
    assert.ok(watched > 500 && watched * 1000 < 1_000_000, `${watched}`)
    const before = reads.length
    for (const path of paths) changed(path)
    for (let round = 0; round < 2; round++) for (const path of paths.slice(-500)) await look(path)
    assert.equal(reads.slice(before).filter(({ watch }) => watch).length, 500, 'what has changed makes room')
  })
})

describeZookeeper('A look at the timers of a queue on ZooKeeper', () => {
  const WORKERS = 30
  let proxy: BreakingProxy
  let url: string
  let queue: WatchdogQueue
  let requests: number

  beforeEach(async () => {
    const { hosts, servers } = await sharedServer()
    const root = uniqueRoot()
    url = `zk://${hosts}${root}`
    proxy = await BreakingProxy.start(servers[0]!.port)
    proxy.judge = () => {
      requests++
      return 'pass'
    }
    queue = await connect(`zk://127.0.0.1:${proxy.port}${root}`, { sessionTimeoutMs: 20_000 })
    await queue.createQueue({ sealed: false, timerMs: 60_000 })
  })
  afterEach(() => proxy.stop())

  /** What it finds, and what it asks for that. */
  async function look(): Promise<{ timers: TimerInfo[]; asked: number }> {
    requests = 0
    const timers = await queue.getTimers()
    return { timers, asked: requests }
  }

  async function states(): Promise<(string | undefined)[]> {
    return (await look()).timers.map(({ state }) => state).sort()
  }

  it('asks for as much with many workers as with none, while nothing changes', async () => {
    const workers = await connect(url, { sessionTimeoutMs: 20_000 })
    const none = (await look()).asked
    for (let i = 0; i < WORKERS; i++) await workers.createTimer(`worker-${i}`)
    await look()
    assert.ok((await look()).asked >= WORKERS)

    const { timers, asked } = await look()

    assert.equal(timers.length, WORKERS)
    // One more where a session asks for a sign of life.
    assert.ok(asked <= none + 3, `${asked} requests, ${none} without workers`)
  })

  it('sees each kick, end and death, and asks for what has changed only', async () => {
    const hand = await Hand.on(url)
    await hand.do('queue', 'createTimer', 'mortal')
    const workers = await connect(url, { sessionTimeoutMs: 20_000 })
    const timers = []
    for (let i = 0; i < WORKERS; i++) timers.push(await workers.createTimer(`worker-${i}`))
    for (let i = 0; i < 3; i++) await look()

    await timers[0]!.end()
    await timers[1]!.end({ status: 'failed' })
    const after = await look()
    assert.ok(after.asked < WORKERS, `${after.asked}`)
    const alive = after.timers.filter(({ id, state }) => id !== 'mortal' && state === 'alive')
    assert.equal(alive.length, WORKERS - 2)
    await hand.child.killed()
    await eventually(async () => (await states()).includes('died'), 'the death')
    for (let i = 0; i < 3; i++) await look()
    assert.deepEqual([...new Set(await states())], ['alive', 'died', 'failed', 'finished'])
    assert.ok((await look()).asked < 10, 'the dead are not asked for again')
  })

  it('sees what happened while it was cut off from the server', async () => {
    const workers = await connect(url, { sessionTimeoutMs: 20_000 })
    const timers = [await workers.createTimer('ends'), await workers.createTimer('stays')]
    for (let i = 0; i < 3; i++) await look()
    proxy.refusing = true
    proxy.cutAll()
    await timers[0]!.end()
    proxy.refusing = false

    assert.deepEqual(await states(), ['alive', 'finished'])
  })
})

describeZookeeper('A kick', () => {
  it('is seen by whoever has looked often before', async () => {
    const root = uniqueRoot()
    const { hosts } = await sharedServer()
    const queue = await connect(`zk://${hosts}${root}`)
    await queue.createQueue({ sealed: false, timerMs: 1000 })
    const kicker = await connect(`zk://${hosts}${root}`, { sessionTimeoutMs: 20_000 })
    const timer = await kicker.createTimer('worker')
    for (let i = 0; i < 4; i++) await queue.getTimers()

    for (const progress of [1, 2, 3]) {
      await timer.kick(progress)
      await eventually(async () => (await queue.getTimers())[0]!.progress === progress, `kick ${progress}`)
    }
  })
})
