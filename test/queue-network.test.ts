// A network that loses replies: the request was carried out, and the client does not know.

import assert from 'node:assert/strict'
import { BreakingProxy, REQUEST_TYPES } from './helpers/proxy'
import { collect, connect, describeZookeeper, LONG, sharedServer, uniqueRoot } from './helpers/queue'

const LIMIT_MS = 60_000
/** How many requests of a kind to one cut. */
const EVERY = LONG ? 4 : 12

/** Every kind of request that a queue makes in its life. Returns what was acked. */
async function wholeLife(
  url: string,
  sessionTimeoutMs = 3000,
): Promise<{ acked: string[]; consumed: string | undefined }> {
  const options = { sessionTimeoutMs }
  const queue = await connect(url, options)
  const items = Array.from({ length: 8 }, (_, i) => `item ${i}`)
  await queue.createQueue({ queue: items, syncStart: true, sealed: false, maxAttempts: 2 })
  await queue.add(['added 0', 'added 1'])
  await queue.seal()
  assert.equal(await queue.queueCount(), 10)
  const timer = await queue.createTimer('worker')
  assert.equal(await queue.waitSync({ timeoutMs: 5000 }), true)
  const consumed = await queue.consume()
  const acked: string[] = []
  const nacked = new Set<string>()
  for await (const lease of timer.leases()) {
    assert.ok(await timer.kick())
    if (lease.item === 'item 3') {
      nacked.add(`${lease.item}:${lease.attempt}`)
      await lease.nack(new Error('poison'))
    } else {
      await lease.ack()
      acked.push(lease.item)
    }
  }
  if (consumed !== 'item 3') {
    assert.deepEqual(nacked, new Set(['item 3:1', 'item 3:2']))
    assert.equal(await queue.redrive(), 1)
    const lease = await timer.lease({ waitMs: 1000 })
    await lease!.ack()
    acked.push(lease!.item)
  }
  await timer.end()
  const report = await queue.waitDone({ workers: true, timeoutMs: LIMIT_MS })
  assert.deepEqual({ ok: report.ok, done: report.done, dead: report.dead }, { ok: true, done: 10, dead: 0 })
  await queue.destroy()
  await queue.close()
  return { acked, consumed }
}

function assertExact({ acked, consumed }: { acked: string[]; consumed: string | undefined }): void {
  const all = [...acked, consumed].sort()
  assert.equal(new Set(all).size, 10, `each once: ${all}`)
  assert.equal(all.length, 10, `none twice: ${all}`)
}

/** The client pauses when it comes to the end of its list of servers: a long list keeps the test short. */
function urlOf(proxy: BreakingProxy): string {
  const hosts = Array.from({ length: 31 }, () => `127.0.0.1:${proxy.port}`)
  return `zk://${hosts.join(',')}${uniqueRoot()}`
}

describeZookeeper('A queue behind a network that loses replies', function () {
  this.timeout(3 * LIMIT_MS)
  let proxy: BreakingProxy

  beforeEach(async () => {
    proxy = await BreakingProxy.start((await sharedServer()).servers[0]!.port)
  })
  afterEach(() => proxy.stop())

  for (const [name, type] of Object.entries(REQUEST_TYPES)) {
    if (name === 'ping' || name === 'setAcl') continue
    it(`has exact totals when the connection is cut in place of the reply to some of the ${name} requests`, async () => {
      let requests = 0
      proxy.judge = (request) => (request.type === type && requests++ % EVERY === 0 ? 'cut' : 'pass')

      const life = await wholeLife(urlOf(proxy))

      assert.ok(proxy.broken.get(type)! > 0)
      assertExact(life)
    })
  }

  it('has exact totals when 30 % of all replies are dropped', async () => {
    // A generator of its own, so that a failure can be repeated.
    let seed = 7
    const chance = () => {
      seed = (seed * 48271) % 2147483647
      return seed / 2147483647
    }
    proxy.judge = () => (chance() < 0.3 ? 'drop' : 'pass')

    const life = await wholeLife(urlOf(proxy), 12_000)

    assert.ok([...proxy.broken.values()].reduce((total, times) => total + times, 0) > 20)
    assertExact(life)
  })

  it('tells that it is suspended and resumed, and loses nothing', async () => {
    const url = urlOf(proxy)
    const queue = await connect(url, { sessionTimeoutMs: 3000 })
    await queue.createQueue({ queue: ['a'] })
    const seen: string[] = []
    const abort = new AbortController()
    const watching = (async () => {
      for await (const { type } of queue.events({ signal: abort.signal })) {
        seen.push(type)
        if (type === 'resumed') break
      }
    })()
    const timer = await queue.createTimer('worker')
    const lease = await timer.lease()

    proxy.cutAll()
    await watching
    await lease!.ack()

    assert.deepEqual(
      seen.filter((type) => type === 'suspended' || type === 'resumed' || type === 'lost'),
      ['suspended', 'resumed'],
    )
    assert.equal(timer.signal.aborted, false)
    assert.equal((await collect(queue.deadLetters())).length, 0)
  })
})
