// The adapters, in the frameworks themselves.

import assert from 'node:assert/strict'
import http from 'node:http'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import {
  expressMiddleware,
  fastifyPlugin,
  instrument,
  isRequestStatus,
  koaMiddleware,
  type RequestStatus,
  type Scoreboard,
} from '../../lib'
import { open } from '../support/boards'
import { eventually } from '../support/eventually'
import { listen, request } from '../support/http'
import { tempDir } from '../support/temp-dir'

const onError = () => {}

function shown(board: Scoreboard): RequestStatus {
  const [status] = board.readAll().values()
  assert.ok(isRequestStatus(status), JSON.stringify(status))
  return status
}

async function served(board: Scoreboard, requests: number): Promise<RequestStatus> {
  const has = () => shown(board).requests === requests && shown(board).inFlight === 0
  await eventually(has, () => `${requests} requests, the board has ${JSON.stringify(shown(board))}`)
  return shown(board)
}

describe('The adapters of web frameworks', () => {
  it('show what an Express app does, by the whole path also below a mount point', async () => {
    const board = open({ baseDir: tempDir() })
    const app = express()
    let seen: RequestStatus | undefined
    app.use(expressMiddleware({ board, onError }))
    const router = express.Router()
    router.get('/:id', (_, response) => {
      seen = shown(board)
      response.json({ ok: true })
    })
    app.use('/orders', router)
    const port = await listen(http.createServer(app))

    const { body } = await request(port, '/orders/17?q=1')
    await request(port, '/nowhere')

    assert.equal(body, '{"ok":true}')
    assert.deepEqual([seen?.state, seen?.path, seen?.inFlight], ['working', '/orders/17?q=1', 1])
    assert.equal((await served(board, 2)).path, '/nowhere')
  })

  it('show what a Koa app does, also when it throws', async () => {
    const board = open({ baseDir: tempDir() })
    const app = new Koa()
    app.silent = true
    app.use(koaMiddleware({ board, onError }))
    app.use((context) => {
      if (context.path === '/bad') throw new Error('bad')
      context.body = shown(board)
    })
    const port = await listen(http.createServer(app.callback()))

    const { body } = await request(port, '/a')
    const { status } = await request(port, '/bad')

    assert.equal(JSON.parse(body).path, '/a')
    assert.equal(status, 500)
    await served(board, 2)
  })

  it('show what a Fastify app does, by its routes too, until it is closed', async () => {
    const board = open({ baseDir: tempDir() })
    const app = fastify()
    let seen: RequestStatus | undefined
    await app.register(fastifyPlugin, { board, onError })
    app.get('/orders/:id', async () => {
      seen = shown(board)
      return { ok: true }
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as { port: number }

    const { body } = await request(port, '/orders/17')
    await served(board, 1)
    await app.close()

    assert.equal(body, '{"ok":true}')
    assert.deepEqual([seen?.state, seen?.path], ['working', '/orders/17'])
    assert.equal(shown(board).state, 'waiting')
  })

  it('end what was injected into a Fastify app without a connection', async () => {
    const board = open({ baseDir: tempDir() })
    const app = fastify()
    await app.register(fastifyPlugin, { board, onError })
    app.get('/now', (_, reply) => void reply.send('now'))
    app.get('/later', async () => 'later')

    await app.inject('/now')
    await app.inject('/later')
    await Promise.all([app.inject('/later'), app.inject('/now'), app.inject('/later')])
    await served(board, 5)
    await app.close()

    assert.equal(shown(board).inFlight, 0)
  })

  it('name themselves, and what was meant, where they are given a board alone', () => {
    const board = open({ baseDir: tempDir() }) as never

    assert.throws(() => expressMiddleware(board), /did you mean expressMiddleware\(\{ board \}\)\?$/)
    assert.throws(() => koaMiddleware(board), /did you mean koaMiddleware\(\{ board \}\)\?$/)
    assert.throws(
      () => instrument(http.createServer(), board),
      /did you mean instrument\(server, \{ board \}\)\?$/,
    )
    assert.throws(() => expressMiddleware({ bord: board } as never), /options of expressMiddleware\(/)
  })

  it('hand wrong options on', async () => {
    const app = fastify()
    app.register(fastifyPlugin, {} as { board: Scoreboard })

    await assert.rejects(async () => app.ready(), /Expected option 'board' to be a Scoreboard/)
    assert.throws(() => expressMiddleware({} as { board: Scoreboard }), /Expected option 'board'/)
    assert.throws(() => koaMiddleware({} as { board: Scoreboard }), /Expected option 'board'/)
  })

  it('count a request once when the server is instrumented as well, and stop when disposed of', async () => {
    const board = open({ baseDir: tempDir() })
    const app = express()
    const middleware = expressMiddleware({ board, onError })
    app.use(middleware)
    app.get('/', (_, response) => void response.end())
    const server = http.createServer(app)
    const undo = instrument(server, { board, onError })
    const port = await listen(server)

    await request(port, '/')
    await served(board, 1)
    undo()
    await request(port, '/')
    await served(board, 2)
    middleware[Symbol.dispose]()
    await request(port, '/')

    assert.equal(shown(board).requests, 2)
  })
})
