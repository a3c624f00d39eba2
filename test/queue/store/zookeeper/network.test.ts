// A network that loses replies: the request was carried out, and the client does not know.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConnectOptions } from '../../../../lib'
import { openStore } from '../../../../lib/queue/connect'
import { decodeState, encodeState } from '../../../../lib/queue/page-state/codec'
import { MAX_CONSUMERS, MAX_REVOKED, type PageState } from '../../../../lib/queue/page-state/page-state'
import { ANY_VERSION } from '../../../../lib/queue/store/store'
import type { BrokenRequestReport } from '../../../programs/broken-request'
import { startChild } from '../../../support/child'
import { eventually } from '../../../support/eventually'
import { BreakingProxy, REQUEST_TYPES } from '../../../support/proxy'
import { collect, connect, describeZookeeper, sharedServer, uniqueRoot } from '../../../support/queue'
import { tempDir } from '../../../support/temp-dir'

const LIMIT_MS = 60_000
/** How many requests of a kind to one cut, on average. */
const EVERY = 4
const CONNECTION_LOSS = -4
/** Only with a secret are nodes given ACLs. */
const AUTH = { scheme: 'digest', secret: 'user:secret' } as const

/** Every kind of request that a queue makes in its life. Returns what was acked. */
async function wholeLife(
  url: string,
  options: ConnectOptions = {},
): Promise<{ acked: string[]; consumed: string | undefined }> {
  const queue = await connect(url, { sessionTimeoutMs: 3000, ...options })
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

function urlOf(proxy: BreakingProxy): string {
  return `zk://127.0.0.1:${proxy.port}${uniqueRoot()}`
}

describeZookeeper('A queue behind a network that loses replies', function () {
  this.timeout(3 * LIMIT_MS)
  let proxy: BreakingProxy

  beforeEach(async () => {
    proxy = await BreakingProxy.start((await sharedServer()).servers[0]!.port)
  })
  afterEach(async () => {
    assert.equal(proxy.hadGarbage, false)
    await proxy.stop()
  })

  /** A generator of its own for each test, so that a failure can be repeated. */
  function chanceOf(share: number): () => boolean {
    let seed = 7
    return () => {
      seed = (seed * 48271) % 2147483647
      return seed / 2147483647 < share
    }
  }

  for (const [name, type] of Object.entries(REQUEST_TYPES)) {
    if (name === 'ping') continue
    it(`has exact totals when the connection is cut in place of the reply to some of the ${name} requests`, async () => {
      const chance = chanceOf(1 / EVERY)
      const isUnlucky = () => !proxy.broken.has(type) || chance()
      proxy.judge = (request) => (request.type === type && isUnlucky() ? 'cut' : 'pass')

      const life = await wholeLife(urlOf(proxy), name === 'create' ? { auth: AUTH } : {})

      assert.ok(proxy.broken.get(type)! > 0)
      assertExact(life)
    })
  }

  it('has exact totals when 30 % of all replies are dropped', async () => {
    const chance = chanceOf(0.3)
    proxy.judge = () => (chance() ? 'drop' : 'pass')

    const life = await wholeLife(urlOf(proxy), { sessionTimeoutMs: 12_000 })

    assert.ok([...proxy.broken.values()].reduce((total, times) => total + times, 0) > 20)
    assertExact(life)
  })

  const forgetful: Record<'ack' | 'consume', (state: PageState) => PageState> = {
    ack: (state) => ({
      ...state,
      revoked: Array.from({ length: MAX_REVOKED }, (_, i) => ({ token: `r${i}`, settled: [] })),
    }),
    consume: (state) => ({
      ...state,
      consumed: Object.fromEntries(Array.from({ length: MAX_CONSUMERS }, (_, i) => [`h${i}`, [1, 0]])),
    }),
  }
  for (const [what, forget] of Object.entries(forgetful)) {
    it(`says so when so much has happened meanwhile that nobody can know what came of ${what}()`, async () => {
      const url = urlOf(proxy)
      const queue = await connect(url, { sessionTimeoutMs: 20_000 })
      await queue.createQueue({ queue: ['a', 'b'], timerMs: 3_600_000 })
      const timer = await queue.createTimer('worker')
      const lease = (await timer.lease())!
      const direct = await openStore(
        `zk://${(await sharedServer()).hosts}${url.slice(url.indexOf('/', 5))}`,
        {},
      )
      const path = `${(await direct.list(''))![0]}/states/p00000`
      const read = async () => decodeState((await direct.get(path))!.data)!

      proxy.judge = ({ type }) => {
        if (type !== REQUEST_TYPES.set) return 'pass'
        proxy.refusing = true
        return 'cut'
      }
      const refused = assert.rejects(what === 'ack' ? lease.ack() : queue.consume(), {
        code: 'ERR_AMBIGUOUS',
        maybeApplied: true,
        retryable: false,
      })
      await eventually(async () => (await read()).done === 1, 'the write to arrive')
      await direct.set(path, encodeState(forget(await read())), ANY_VERSION)
      await direct.close()
      proxy.judge = () => 'pass'
      proxy.refusing = false

      await refused
      assert.equal(lease.signal.aborted, what === 'ack')
      assert.equal((await queue.counts()).done, 1)
    })
  }

  it('survives a request that is the first to meet the end of the connection', async () => {
    const broken = join(tempDir(), 'broken')
    proxy.judge = ({ type }) => (type === REQUEST_TYPES.get && !proxy.seen.has(type) ? 'last' : 'pass')
    proxy.onEnd = () => writeFileSync(broken, '')

    const child = startChild('broken-request', `127.0.0.1:${proxy.port}`, broken)
    const { codes, events } = await child.message<BrokenRequestReport>()

    // 0 where the process was so slow that it had seen the end before the request was made, which then waited.
    assert.match(codes.join(' '), new RegExp(`^0 (${CONNECTION_LOSS}|0) 0$`))
    assert.deepEqual(events, ['connected', 'suspended', 'connected'])
    assert.deepEqual(await child.exited, { code: 0, signal: null })
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
