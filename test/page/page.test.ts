// The status page: for people, for programs and for what scrapes, in every framework.

import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'

import { type Scoreboard, statusHandler, WatchdogQueue } from '../../lib'
import { History } from '../../lib/page/history'
import { html } from '../../lib/page/html'
import { bytesText, rateText } from '../../lib/view/numbers'
import { open } from '../support/boards'
import { startReady } from '../support/child'
import { startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
import { ask, EventStream, listen, listening } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

const NOW = Date.now()
const BUSY = {
  state: 'working',
  since: NOW,
  method: 'GET',
  host: 'shop.example',
  path: '/orders/17?x=<b>',
  remoteAddress: '198.51.100.7',
  protocol: 'HTTP/1.1',
  inFlight: 2,
  requests: 40,
  bytes: 4096,
}

describe('statusHandler', () => {
  let baseDir: string
  let board: Scoreboard

  beforeEach(() => {
    baseDir = tempDir()
    board = open({ baseDir, workerId: 'web-1', counters: { images: 'counter' } })
    board.update(BUSY)
  })

  it('renders a page that is whole without JavaScript', async () => {
    const idle = open({ baseDir, workerId: 'web-2' })
    idle.update({ ...BUSY, state: 'keep-alive', inFlight: 0 })
    const victim = await startWorker(baseDir, 'web-3', 'sums')
    await victim.killed()
    board.counters.add('images', 1234)
    const { port } = await listen(statusHandler(board, { title: 'The <shop>' }))

    const { status, body, headers } = await ask(port)

    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.match(body, /<h1>The &lt;shop&gt;<\/h1>/)
    assert.match(
      body,
      /<tr class="busy"[\s\S]*?working[\s\S]*?web-1[\s\S]*?198\.51\.100\.7[\s\S]*?GET shop\.example\/orders\/17\?x=&lt;b&gt; HTTP\/1\.1 \(2 in flight\)/,
    )
    assert.match(body, /<tr class="idle"[\s\S]*?keep-alive[\s\S]*?web-2/)
    assert.match(body, /<tr class="dead"[\s\S]*?dead[\s\S]*?web-3[\s\S]*?sums/)
    assert.match(
      body,
      /<i class="busy"[^>]*>W<\/i><i class="idle"[^>]*>K<\/i><i class="dead"[^>]*>x<\/i><\/div>/,
    )
    assert.match(body, /images<\/dt><dd[^>]*>1,234</)
    assert.match(body, /<noscript><meta http-equiv="refresh"/)
    assert.doesNotMatch(body, /(src|href)="(?!data:|\?|#)/)
  })

  it('sorts and filters by its address', async () => {
    for (const [id, updates] of [
      ['web-10', 3],
      ['web-9', 5],
    ] as const) {
      const worker = open({ baseDir, workerId: id })
      for (let i = 0; i < updates; i++) worker.update(`job of ${id}`)
    }
    const { port } = await listen(statusHandler(board))
    const ids = async (query: string) => {
      const { body } = await ask(port, { path: `/${query}` })
      return [...body.matchAll(/<td class="c-id">(.*?)<\/td>/g)].map(([, id]) => id)
    }

    assert.deepEqual(await ids(''), ['web-1', 'web-10', 'web-9'])
    assert.deepEqual(await ids('?sort=id'), ['web-1', 'web-9', 'web-10'])
    assert.deepEqual(await ids('?sort=slot&sort=-id'), ['web-10', 'web-9', 'web-1'])
    assert.deepEqual(await ids('?sort=updates'), ['web-9', 'web-10', 'web-1'])
    assert.deepEqual(await ids('?filter=JOB+web-9'), ['web-9'])
    assert.deepEqual(await ids('?state=dead'), [])
    assert.deepEqual(await ids('?sort=__proto__&state=constructor&filter='), ['web-1', 'web-10', 'web-9'])
  })

  it('prints the lines of mod_status', async () => {
    const idle = open({ baseDir, workerId: 'web-2' })
    idle.update({ ...BUSY, state: 'waiting', inFlight: 0, requests: 2, bytes: 1024 })
    const { port } = await listen(statusHandler(board))

    const { body, headers } = await ask(port, { path: '/?auto' })
    const lines = new Map(
      body
        .trim()
        .split('\n')
        .map((line) => line.split(': ') as [string, string]),
    )

    assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(lines.get('Total Accesses'), '42')
    assert.equal(lines.get('Total kBytes'), '5')
    assert.equal(lines.get('BusyWorkers'), '1')
    assert.equal(lines.get('IdleWorkers'), '1')
    assert.match(lines.get('Uptime')!, /^\d+$/)
    for (const name of ['ReqPerSec', 'BytesPerSec', 'BytesPerReq'])
      assert.match(lines.get(name)!, /^\d+(\.\d+)?$/)
    assert.equal(lines.get('Scoreboard'), `W_${'.'.repeat(1022)}`)
  })

  it('is scraped by Prometheus, queues too, one that fails left out', async () => {
    const queue = await WatchdogQueue.connect(tempDir())
    const gone = await WatchdogQueue.connect(tempDir())
    try {
      await queue.createQueue({ queue: ['a', 'b', 'c'] })
      const { port } = await listen(statusHandler(board, { queues: { gone, jobs: queue } }))
      const accept = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5'

      const plain = await ask(port, { path: '/metrics' })
      const open = await ask(port, { path: '/?metrics', headers: { accept } })

      assert.match(String(plain.headers['content-type']), /^text\/plain; version=0\.0\.4/)
      assert.match(String(open.headers['content-type']), /^application\/openmetrics-text/)
      assert.match(open.body, /# EOF\n$/)
      assert.match(plain.body, /^rollcall_slots 1024$/m)
      assert.match(plain.body, /queue="jobs"[^}]*\} 3$/m)
      assert.doesNotMatch(plain.body, /queue="gone"/)
    } finally {
      await queue.close()
      await gone.close()
    }
  })

  it('takes totals from the board where it has counters for them', async () => {
    const other = tempDir()
    const counting = open({ baseDir: other, counters: { requests: 'counter', bytes: 'counter' } })
    counting.update({ ...BUSY, requests: 1, bytes: 1 })
    counting.counters.add('requests', 5000)
    counting.counters.add('bytes', 2048)
    const { port } = await listen(statusHandler(counting))

    const { body } = await ask(port, { path: '/?auto' })

    assert.match(body, /^Total Accesses: 5000$/m)
    assert.match(body, /^Total kBytes: 2$/m)
  })

  it('tells programs everything', async () => {
    const victim = await startWorker(baseDir, 'victim', { deep: [1, null] })
    await victim.killed()
    const bytes = open({ baseDir, workerId: 'bytes' })
    bytes.update(Buffer.of(0, 255))
    const huge = open({ baseDir, workerId: 'huge' })
    huge.update('x'.repeat(200_000))
    const { port } = await listen(statusHandler(board))

    const { body, headers } = await ask(port, { path: '/?json' })
    const all = JSON.parse(body)
    const byId = Object.fromEntries(all.workers.map((worker: { id: string }) => [worker.id, worker]))

    assert.equal(headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(all.slots, 1024)
    assert.equal(all.baseDir, baseDir)
    assert.deepEqual(all.counts, { dead: 1, blocked: 0, stale: 0, busy: 3, idle: 0 })
    assert.deepEqual(all.sums, { updates: 3, requests: 40, bytes: 4096 })
    assert.deepEqual(byId['web-1'].status, BUSY)
    assert.deepEqual([byId['web-1'].kind, byId['web-1'].letter], ['busy', 'W'])
    assert.deepEqual(
      [byId.victim.state, byId.victim.kind, byId.victim.status],
      ['dead', 'dead', { deep: [1, null] }],
    )
    assert.deepEqual(byId.bytes.status, { type: 'bytes', base64: 'AP8=' })
    const { json, ...cut } = byId.huge.status
    assert.deepEqual([cut, json.slice(0, 4)], [{ type: 'cut', length: 200_002 }, '"xxx'])
    assert.ok(body.length < 100_000)
  })

  it('calls a silent worker without a heart stale, but not a server that waits for requests', async () => {
    const heartless = { baseDir: tempDir(), heartbeatMs: 0 }
    open({ ...heartless, workerId: 'working' }).update(BUSY)
    open({ ...heartless, workerId: 'waiting' }).update({ ...BUSY, state: 'waiting', inFlight: 0 })
    const { port } = await listen(statusHandler(open(heartless), { staleAfterMs: 1 }))

    const kinds = await eventually(async () => {
      const { workers } = JSON.parse((await ask(port, { path: '/?json' })).body)
      const found = workers.map(({ kind }: { kind: string }) => kind)
      return found[0] === 'stale' && found
    }, 'the busy worker to be stale')

    assert.deepEqual(kinds, ['stale', 'idle'])
  })

  it('lets the process end that has closed its server', async () => {
    const server = await startReady('status-server', baseDir)
    server.process.disconnect()

    assert.deepEqual(await server.exited, { code: 0, signal: null })
  })

  it('works under any path, in node:http, Express, Fastify and Koa', async () => {
    const handler = statusHandler(board)
    const inExpress = express()
    inExpress.use('/deep/status', handler)
    const inFastify = fastify()
    for (const url of ['/deep/status', '/deep/status/*']) {
      inFastify.get(url, (request, reply) => {
        reply.hijack()
        handler(request.raw, reply.raw)
      })
    }
    await inFastify.ready()
    const inKoa = new Koa().use((context) => {
      context.respond = false
      handler(context.req, context.res)
    })
    type Listener = (request: IncomingMessage, response: ServerResponse) => void
    const fastifyListener: Listener = (request, response) => inFastify.routing(request, response)

    for (const listener of [handler, inExpress as Listener, fastifyListener, inKoa.callback()]) {
      const { port } = await listening(createServer(listener))
      const page = await ask(port, { path: '/deep/status?sort=id' })
      const json = await ask(port, { path: '/deep/status?json' })
      const metrics = await ask(port, { path: '/deep/status/metrics' })
      const events = await EventStream.open(port, () => {}, '/deep/status?events')
      assert.match(page.body, /<td class="c-id">web-1</)
      assert.equal(JSON.parse(json.body).workers[0].id, 'web-1')
      assert.match(metrics.body, /^rollcall_slots 1024$/m)
      assert.match(String(events.headers['content-type']), /event-stream/)
    }
    await inFastify.close()
  })

  it('goes on without a queue that fails', async () => {
    const queue = await WatchdogQueue.connect(tempDir())
    const gone = await WatchdogQueue.connect(tempDir())
    try {
      await queue.createQueue({ queue: ['a'] })
      const { port } = await listen(statusHandler(board, { queues: { jobs: queue, gone } }))

      const { body } = await ask(port)

      assert.match(body, /<h3>jobs<\/h3>/)
      assert.match(body, /<b>1<\/b> items/)
      assert.match(body, /<h3>gone<\/h3>\s*<p class="error" role="alert">Not up to date: /)
    } finally {
      await queue.close()
      await gone.close()
    }
  })
})

describe('the pieces of the status page', () => {
  it('escape whatever is not HTML already', () => {
    const hostile = `<script>alert("x")</script>&'`

    assert.equal(
      html`<b title="${hostile}">${[hostile, html`<i>${1}</i>`, undefined, false]}</b>`.text,
      `<b title="&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;">&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;<i>1</i></b>`,
    )
  })

  it('write numbers as people read them', () => {
    assert.deepEqual([0, 999, 1000, 99_949, 999_499, 999_500, 1e15].map(bytesText), [
      '0 B',
      '999 B',
      '1.0 kB',
      '99.9 kB',
      '999 kB',
      '1.0 MB',
      '1.0 PB',
    ])
    assert.deepEqual([0, 0.44, 9.94, 12.3, 12_345].map(rateText), [
      '0/s',
      '0.4/s',
      '9.9/s',
      '12/s',
      '12,345/s',
    ])
  })

  it('draw rates from sums, two minutes of them', () => {
    const history = new History()
    for (let second = 0; second <= 200; second++) {
      const sums = { updates: 10 * Math.min(second, 150), requests: 0, bytes: 0 }
      history.take(sums, second % 3, second * 1000)
    }

    assert.equal(history.now('updates'), 0)
    assert.equal(history.peak('updates'), 10)
    assert.match(history.line('updates'), /^M0 1L1 1L.*L119 29$/)
    assert.equal(new History().line('updates'), '')
  })
})
