// What ends when a server closes on which a page is open: everything, by itself, in whatever order.

import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'

import { type Scoreboard, type StatusHandler, statusHandler } from '../../lib'
import { open } from '../support/boards'
import { describeBrowser, openPage } from '../support/browser'
import { ask, EventStream } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

/** Longer than it may take, and far shorter than any time-out that could do it instead. */
const PATIENCE_MS = 4000

async function endsByItself(name: string, closing: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} still waits`)), PATIENCE_MS)
  })
  await Promise.race([closing, late]).finally(() => clearTimeout(timer))
}

const closed = (server: { close(done: () => void): unknown }) =>
  new Promise<void>((resolve) => void server.close(() => resolve()))

const listening = (server: Server | http2.Http2Server) =>
  new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })

describe('A server that closes', () => {
  let board: Scoreboard
  let page: StatusHandler

  beforeEach(() => {
    board = open({ baseDir: tempDir(), workerId: 'web-1' })
    board.update('at work')
    page = statusHandler(board, { intervalMs: 50 })
  })

  const stream = (port: number, path = '/status?events') => EventStream.open(port, () => {}, path)

  it('does not wait for open pages in Fastify, whose onClose hooks come', async () => {
    const app = fastify({ logger: false })
    let hasHooked = false
    app.addHook('onClose', async () => {
      page.close()
      hasHooked = true
    })
    app.get('/status', (request, reply) => {
      reply.hijack()
      page(request.raw, reply.raw)
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const opened = await stream((app.server.address() as AddressInfo).port)

    await endsByItself('Fastify', app.close())

    await opened.ended
    assert.equal(hasHooked, true)
  })

  it('does not wait for open pages in Express', async () => {
    const server = createServer(express().use('/status', page))
    const opened = await stream(await listening(server))

    await endsByItself('Express', closed(server))

    await opened.ended
  })

  it('does not wait for open pages in Koa', async () => {
    const app = new Koa()
    app.use((context) => {
      context.respond = false
      page(context.req, context.res)
    })
    const server = createServer(app.callback())
    const opened = await stream(await listening(server))

    await endsByItself('Koa', closed(server))

    await opened.ended
  })

  it('does not wait for open pages in Hono', async () => {
    const app = new Hono<{ Bindings: import('@hono/node-server').HttpBindings }>()
    app.get('/status', (context) => {
      page(context.env.incoming, context.env.outgoing)
      return RESPONSE_ALREADY_SENT
    })
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
    if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
    const opened = await stream((server.address() as AddressInfo).port)

    await endsByItself('Hono', closed(server))

    await opened.ended
  })

  for (const first of ['the server', 'the page'] as const) {
    it(`does not wait for the session of a page over HTTP/2, with ${first} closed first`, async () => {
      const server = http2.createServer((request, response) => page(request as never, response as never))
      const session = http2.connect(`http://127.0.0.1:${await listening(server)}`)
      const opened = session.request({ ':path': '/?events' })
      await new Promise((resolve) => opened.once('data', resolve))
      opened.resume()

      if (first === 'the page') page.close()
      await endsByItself('HTTP/2', closed(server))

      session.destroy()
    })
  }

  it('is answered 503 and the end of the connection once its page is closed', async () => {
    const server = createServer(page)
    const port = await listening(server)

    page.close()
    const answers = await Promise.all(
      ['/', '/?json', '/?auto', '/metrics', '/?events'].map((path) => ask(port, { path })),
    )

    for (const { status, headers, body } of answers) {
      assert.deepEqual([status, headers.connection], [503, 'close'])
      assert.match(body, /closed/)
    }
    await closed(server)
  })

  it('lets go of its own pages alone', async () => {
    const [leaving, staying] = [createServer(page), createServer(page)]
    const ports = [await listening(leaving), await listening(staying)]
    const [left, kept] = await Promise.all(ports.map((port) => stream(port)))
    let hasEnded = false
    void kept!.ended.then(() => {
      hasEnded = true
    })

    await endsByItself('the one that leaves', closed(leaving))

    await left!.ended
    assert.equal(hasEnded, false, 'the other one goes on')
    await endsByItself('the other one', closed(staying))
  })
})

describeBrowser('A server that closes while a browser looks on', () => {
  const STEPS = {
    server: (one: { server: Server }) => closed(one.server),
    page: async (one: { page: StatusHandler }) => one.page.close(),
    board: async (one: { board: Scoreboard }) => one.board.close(),
  }
  type Step = keyof typeof STEPS
  const ORDERS: Step[][] = [
    ['server', 'page', 'board'],
    ['page', 'server', 'board'],
    ['board', 'server', 'page'],
    ['board', 'page', 'server'],
    ['server'],
  ]

  for (const order of ORDERS) {
    it(`has closed within moments, and the page says so: ${order.join(', ')}`, async () => {
      const board = open({ baseDir: tempDir(), workerId: 'web-1' })
      board.update('at work')
      const page = statusHandler(board, { intervalMs: 50 })
      const server = createServer(page)
      const tab = await openPage(`http://127.0.0.1:${await listening(server)}/`)
      await tab.locator('#live.on').waitFor()

      await endsByItself(order.join(), Promise.all(order.map((step) => STEPS[step]({ server, page, board }))))

      await tab.locator('#live.off').waitFor()
    })
  }
})
