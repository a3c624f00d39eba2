// Requests counted and timed in shared memory: what a worker had counted stays when it is killed.

import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'

import {
  expressMiddleware,
  fastifyPlugin,
  instrument,
  koaMiddleware,
  renderMetrics,
  statusHandler,
} from '../../lib'
import { MOST_ROUTES, readRequestTotals } from '../../lib/http/request-counts'
import { open } from '../support/boards'
import { startReady } from '../support/child'
import { runCli } from '../support/cli'
import { eventually } from '../support/eventually'
import { ask, listening } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

const sampleOf = (text: string, series: string) =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')[1],
  )

/** The files below that directory that this process has open, also those that are deleted. */
function openBelow(directory: string): string[] {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return targets.filter((target) => target.startsWith(directory))
}

describe('instrument() with metrics', () => {
  it('counts by method and outcome, and times in a histogram whose numbers fit together', async () => {
    const board = open({ baseDir: tempDir() })
    const page = statusHandler(board)
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      if (request.url === '/status') return page(request, response)
      response.statusCode = Number(request.url!.slice(1))
      response.end('x')
    })
    const undo = instrument(server, { board, metrics: true })
    const { port } = await listening(server)

    for (const path of ['/200', '/204', '/404', '/500', '/status']) await ask(port, { path })
    await ask(port, { path: '/200', method: 'POST' })
    await ask(port, { path: '/200', method: 'PROPFIND' })

    const count = (text: string) => sampleOf(text, 'rollcall_http_request_duration_seconds_count')
    await eventually(() => count(renderMetrics(board)) === 6, 'six requests')
    const text = renderMetrics(board)
    const of = (method: string, status: string) =>
      sampleOf(text, `rollcall_http_requests_total{method="${method}",status="${status}"}`)
    assert.deepEqual(
      [of('GET', '2xx'), of('GET', '4xx'), of('GET', '5xx'), of('POST', '2xx'), of('other', '2xx')],
      [2, 1, 1, 1, 1],
    )
    const buckets = [...text.matchAll(/duration_seconds_bucket\{le="[^"]+"\} (\d+)/g)].map(([, n]) =>
      Number(n),
    )
    assert.deepEqual(
      buckets,
      buckets.toSorted((a, b) => a - b),
    )
    assert.equal(buckets.at(-1), 6)
    assert.ok(sampleOf(text, 'rollcall_http_request_duration_seconds_sum') > 0)
    undo()
    assert.equal(count(renderMetrics(board)), 6)
  })

  it('tells routes apart by what their router says, once each, and only so many', async () => {
    const board = open({ baseDir: tempDir() })
    const app = express()
    app.use(expressMiddleware({ board, metrics: true }))
    const shop = express.Router()
    shop.get('/orders/:id', (_, response) => void response.send('an order'))
    app.use('/shop', shop)
    for (let i = 0; i < MOST_ROUTES + 3; i++) app.get(`/page-${i}`, (_, response) => void response.send('x'))
    const server = createServer(app)
    // Followed twice is counted once.
    instrument(server, { board, metrics: true })
    const { port } = await listening(server)

    await ask(port, { path: '/shop/orders/17' })
    await ask(port, { path: '/shop/orders/18' })
    await ask(port, { path: '/nobody/knows' })
    for (let i = 0; i < MOST_ROUTES + 3; i++) await ask(port, { path: `/page-${i}` })

    const all = MOST_ROUTES + 6
    await eventually(() => readRequestTotals(board)?.timed.requests === all, 'all to be counted')
    const text = renderMetrics(board)
    const series = 'rollcall_http_requests_total{method="GET",status="2xx"'
    assert.equal(sampleOf(text, `${series},route="/shop/orders/:id"}`), 2)
    assert.equal(sampleOf(text, `${series}}`), 4)
    assert.equal(new Set([...text.matchAll(/route="([^"]*)"/g)].map(([, route]) => route)).size, MOST_ROUTES)
    assert.equal(sampleOf(text, 'rollcall_http_requests_total{method="GET",status="4xx"}'), 1)
    assert.equal(sampleOf(text, 'rollcall_http_request_duration_seconds_count{route="/shop/orders/:id"}'), 2)
  })

  it('asks Fastify, Koa or a function for the route', async () => {
    const board = open({ baseDir: tempDir() })
    const app = fastify()
    app.register(fastifyPlugin, { board, metrics: true })
    app.get('/items/:id', async () => 'x')
    await app.listen({ port: 0, host: '127.0.0.1' })
    const koa = new Koa()
    koa.use(koaMiddleware({ board, metrics: true }))
    koa.use((context) => {
      context._matchedRoute = '/koa/:id' // as @koa/router does
      context.body = 'x'
    })
    const server = createServer((_, response) => response.end('x'))
    const hostile = 'a/../"\n\ud800'
    instrument(server, { board, metrics: true, route: ({ url }) => (url === '/evil' ? hostile : '/own') })
    try {
      await ask((app.server.address() as AddressInfo).port, { path: '/items/1' })
      await ask((await listening(createServer(koa.callback()))).port, { path: '/koa/2' })
      const { port } = await listening(server)
      for (const path of ['/3', '/evil']) await ask(port, { path })
      await eventually(() => readRequestTotals(board)?.timed.requests === 4, 'four requests')
    } finally {
      await app.close()
    }

    const routes = readRequestTotals(board)!.routes.map(({ route }) => route)
    assert.deepEqual(routes.sort(), ['/items/:id', '/koa/:id', '/own', 'a/../"\n\ufffd'])
  })

  it('begins anew with a board that is given up, and ends with its handle', async () => {
    const baseDir = tempDir()
    const board = open({ baseDir })
    const server = createServer((_, response) => response.end('x'))
    instrument(server, { board, metrics: true, route: () => '/all' })
    const { port } = await listening(server)
    await ask(port)
    await eventually(() => readRequestTotals(board)?.timed.requests === 1, 'the request')

    await runCli(['cleanup', '--reset', baseDir])
    await eventually(() => (readRequestTotals(board)?.timed.requests ?? 0) === 0, 'the old counts to be gone')
    board.reopen()
    await ask(port)
    await eventually(() => readRequestTotals(board)?.timed.requests === 1, 'the next request')

    server.close()
    server.closeAllConnections()
    board.close()
    assert.deepEqual(openBelow(baseDir), [])
  })

  for (const metrics of [false, true]) {
    it(`keeps Total Accesses from falling, whoever is asked and whoever is killed, metrics: ${metrics}`, () =>
      checkTotalAccesses(metrics))
  }
})

async function checkTotalAccesses(metrics: boolean): Promise<void> {
  const baseDir = tempDir()
  const workers = []
  for (let i = 0; i < 3; i++)
    workers.push(await startReady('measured-server', JSON.stringify({ baseDir, id: `w-${i}`, metrics })))
  const ports = await Promise.all(workers.map((worker) => worker.ask<{ port: number }>('port')))
  for (const [i, { port }] of ports.entries()) for (let n = 0; n <= i; n++) await ask(port)
  const totals: number[] = []
  const look = async (i: number) => {
    const { body } = await ask(ports[i]!.port, { path: '/status?auto' })
    totals.push(Number(/Total Accesses: (\d+)/.exec(body)![1]))
  }
  await eventually(async () => {
    await look(0)
    return totals.at(-1) === 6
  }, 'all requests to be counted')
  await look(1)
  await workers[2]!.killed()
  for (const i of [0, 1, 0]) await look(i)
  const next = await startReady('measured-server', JSON.stringify({ baseDir, id: 'w-3', metrics }))
  const { port } = await next.ask<{ port: number }>('port')
  const { body } = await ask(port, { path: '/status?auto' })

  assert.deepEqual(
    totals,
    totals.toSorted((a, b) => a - b),
  )
  assert.match(body, /^Total Accesses: 6$/m)
}
