// instrument(): what a worker shows while real servers serve real requests.

import assert from 'node:assert/strict'
import { type EventEmitter, once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import {
  type InstrumentableServer,
  type InstrumentOptions,
  type RequestStatus,
  instrument as reallyInstrument,
  type Scoreboard,
} from '../../lib'
import { open } from '../support/boards'
import { startReady } from '../support/child'
import { eventually } from '../support/eventually'
import { listen, request } from '../support/http'
import { showing, shown } from '../support/request-status'
import { tempDir } from '../support/temp-dir'

const sessions: http2.ClientHttp2Session[] = []

afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy()
})

const COUNTERS = { requests: 'counter', bytes: 'counter' } as const

/** After a test its boards close before its servers, and nobody wants to hear of that. */
function instrument(server: InstrumentableServer, options: InstrumentOptions) {
  return reallyInstrument(server, { onError() {}, ...options })
}

/** A server whose answers the test gives. */
function puppet() {
  const waiting = new Map<string, http.ServerResponse>()
  const server = http.createServer((incoming, response) => {
    incoming.resume()
    waiting.set(incoming.url!, response)
  })
  const response = async (path: string): Promise<http.ServerResponse> => {
    await eventually(() => waiting.has(path), `a request for ${path}`)
    return waiting.get(path)!
  }
  return { server, response }
}

describe('instrument', () => {
  it('says that it waits before the first request', () => {
    const board = open({ baseDir: tempDir() })

    instrument(http.createServer(), { board })

    const { since, ...rest } = shown(board)
    assert.deepEqual(rest, { state: 'waiting', inFlight: 0, requests: 0, bytes: 0 })
    assert.ok(Math.abs(Date.now() - since) < 60_000)
  })

  it('has published a request before the code that serves it runs', async () => {
    const board = open({ baseDir: tempDir() })
    let seen: RequestStatus | undefined
    const server = http.createServer((_, response) => {
      seen = shown(board)
      response.end()
    })
    instrument(server, { board })
    const port = await listen(server)

    await request(port, '/orders/17?q=kettle')

    const { since, ...rest } = seen!
    assert.ok(Math.abs(Date.now() - since) < 60_000)
    assert.deepEqual(rest, {
      state: 'working',
      method: 'GET',
      host: `127.0.0.1:${port}`,
      path: '/orders/17?q=kettle',
      remoteAddress: '127.0.0.1',
      protocol: 'HTTP/1.1',
      inFlight: 1,
      requests: 0,
      bytes: 0,
    })
  })

  it('goes from reading to working, writing, keep-alive and waiting', async () => {
    const board = open({ baseDir: tempDir() })
    const { server, response } = puppet()
    instrument(server, { board })
    const port = await listen(server)
    const agent = new http.Agent({ keepAlive: true })

    const sent = http.request({ host: '127.0.0.1', port, path: '/a', method: 'POST', agent })
    const answered = once(sent, 'response') as Promise<[http.IncomingMessage]>
    sent.write('half')
    const { since: beganAt } = await showing(board, { state: 'reading', method: 'POST', path: '/a' })
    sent.end('the other half')
    await showing(board, { state: 'working', inFlight: 1 })
    const answer = await response('/a')
    answer.write('half')
    const writing = await showing(board, { state: 'writing', requests: 0 })
    assert.equal(writing.began ?? writing.since, beganAt, 'the request is as old as it was')
    const [incoming] = await answered
    answer.end('the other half')
    await once(incoming.resume(), 'end')
    const idle = await showing(board, { state: 'keep-alive', inFlight: 0, requests: 1 })
    agent.destroy()

    assert.equal(idle.path, '/a', 'the last request stays')
    assert.equal(idle.began, undefined)
    await showing(board, { state: 'waiting', requests: 1 })
  })

  it('shows the newest of many requests, their number and the oldest', async () => {
    const board = open({ baseDir: tempDir() })
    const { server, response } = puppet()
    instrument(server, { board })
    const port = await listen(server)

    const answers: Promise<unknown>[] = []
    for (const path of ['/1', '/2', '/3']) {
      answers.push(request(port, path))
      await showing(board, { path })
    }
    const three = shown(board)
    ;(await response('/3')).end()
    const two = await showing(board, { inFlight: 2 })
    ;(await response('/1')).end()
    const one = await showing(board, { inFlight: 1 })
    ;(await response('/2')).end()
    await Promise.all(answers)

    assert.deepEqual([three.inFlight, three.oldest?.path], [3, '/1'])
    assert.deepEqual([two.path, two.oldest?.path, two.oldest?.method], ['/2', '/1', 'GET'])
    assert.deepEqual([one.path, one.oldest], ['/2', undefined])
    await showing(board, { state: 'waiting', inFlight: 0, requests: 3 })
  })

  it('counts requests and bytes, also in the counters of a board that has them', async () => {
    const board = open({ baseDir: tempDir(), counters: COUNTERS })
    const server = http.createServer((_, response) => response.end('x'.repeat(10_000)))
    const wires: net.Socket[] = []
    server.on('connection', (socket) => wires.push(socket))
    instrument(server, { board })
    const port = await listen(server)

    for (let i = 0; i < 5; i++) await request(port, '/')
    await eventually(
      () => wires.length === 5 && wires.every(({ destroyed }) => destroyed),
      'the connections to end',
    )
    const bytes = wires.reduce((sum, socket) => sum + socket.bytesWritten, 0)

    await showing(board, { requests: 5, bytes })
    assert.ok(bytes > 50_000)
    assert.deepEqual(board.totals(), { requests: 5, bytes })
  })

  it('counts without a view of the counters too', async () => {
    const board = open({ baseDir: tempDir(), counters: COUNTERS, externalBuffers: false })
    const server = http.createServer((_, response) => response.end('hello'))
    instrument(server, { board })
    const port = await listen(server)

    await request(port, '/')

    await eventually(() => shown(board).bytes > 0, 'bytes')
    const { bytes } = shown(board)
    assert.deepEqual(board.totals(), { requests: 1, bytes })
  })

  it('ends what clients give up, also behind another request of the same connection', async () => {
    const board = open({ baseDir: tempDir() })
    const { server, response } = puppet()
    instrument(server, { board })
    const port = await listen(server)

    const client = net.connect(port, '127.0.0.1')
    client.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n')
    await response('/2')
    const both = await showing(board, { inFlight: 2, host: 'b' })
    client.destroy()

    assert.equal(both.oldest?.path, '/1')
    await showing(board, { state: 'waiting', inFlight: 0, requests: 2 })
  })

  it('ends what waits behind another request when the connection goes at once', async () => {
    const board = open({ baseDir: tempDir() })
    const server = http.createServer((request, response) => {
      if (request.url === '/') response.end()
      if (request.url === '/2') request.socket.destroy()
    })
    instrument(server, { board })
    const port = await listen(server)

    for (let i = 0; i < 20; i++) {
      // Its end is told at once, and so for ten milliseconds no other.
      await request(port, '/')
      const client = net.connect(port, '127.0.0.1')
      client.on('error', () => {})
      client.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
      await once(client, 'close')
    }

    await showing(board, { state: 'waiting', inFlight: 0, requests: 20 * 3 })
  })

  it('shows no value of a query whose name says that it is secret, unless it was told to', async () => {
    const boards = [open({ baseDir: tempDir() }), open({ baseDir: tempDir() })]
    const server = http.createServer((_, response) => response.end())
    instrument(server, { board: boards[0]! })
    instrument(server, { board: boards[1]!, query: true })
    const port = await listen(server)
    const query = '?page=2&token=t0p&author=me&X-Amz-Signature=s3c&api_key=k3y&monkey=1&code=c&flag'

    await request(port, `/a${query}`)

    assert.equal(
      (await showing(boards[0]!, { requests: 1 })).path,
      '/a?page=2&token=***&author=me&X-Amz-Signature=***&api_key=***&monkey=1&code=***&flag',
    )
    assert.equal((await showing(boards[1]!, { requests: 1 })).path, `/a${query}`)
  })

  it('leaves out queries, or shows what a function says', async () => {
    const boards = [open({ baseDir: tempDir() }), open({ baseDir: tempDir() })]
    const server = http.createServer((_, response) => response.end())
    instrument(server, { board: boards[0]!, query: false })
    instrument(server, {
      board: boards[1]!,
      path: ({ url }) => `route ${url}`,
      remoteAddress: ({ headers }) => String(headers['x-forwarded-for']),
    })
    const port = await listen(server)

    await request(port, '/a?secret=1', { headers: { 'x-forwarded-for': '10.1.2.3' } })

    assert.equal((await showing(boards[0]!, { requests: 1 })).path, '/a')
    const { path, remoteAddress } = await showing(boards[1]!, { requests: 1 })
    assert.deepEqual([path, remoteAddress], ['route /a?secret=1', '10.1.2.3'])
  })

  it('publishes whatever clients send as they sent it', async () => {
    const board = open({ baseDir: tempDir() })
    const server = http.createServer((_, response) => response.end())
    instrument(server, { board })
    const port = await listen(server)
    const path = '/"\\<script>'

    const client = net.connect(port, '127.0.0.1')
    client.write(
      Buffer.from(`GET ${path} HTTP/1.1\r\nHost: "x"\\\xe9\r\nConnection: close\r\n\r\n`, 'latin1'),
    )
    await once(client.resume(), 'close')

    const { path: published, host } = await showing(board, { requests: 1 })
    assert.deepEqual([published, host], [path, '"x"\\\xe9'])
  })

  it('cuts what does not fit, and shows the numbers alone where slots are tiny', async () => {
    const [board, tiny] = [open({ baseDir: tempDir() }), open({ baseDir: tempDir(), inlineBytes: 128 })]
    const server = http.createServer((_, response) => response.end())
    instrument(server, { board })
    instrument(server, { board: tiny })
    const port = await listen(server)

    await request(port, `/${'x'.repeat(8000)}`)

    const { path } = await showing(board, { requests: 1 })
    assert.match(path!, /^\/x{100,400}\.\.\.$/)
    const { path: none, inFlight } = await showing(tiny, { requests: 1 })
    assert.deepEqual([none, inFlight], [undefined, 0])
  })

  it('shows two servers of a worker as one, and a request once', async () => {
    const board = open({ baseDir: tempDir(), counters: COUNTERS })
    const servers = [1, 2].map(() => http.createServer((_, response) => response.end()))
    for (const server of [...servers, ...servers]) instrument(server, { board })

    for (const server of servers) await request(await listen(server), '/')

    await showing(board, { requests: 2, state: 'waiting' })
    assert.equal(board.totals().requests, 2)
  })

  it('has published each of many alike, and ends them all', async () => {
    const board = open({ baseDir: tempDir() })
    const seen: RequestStatus[] = []
    const server = http.createServer((_, response) => {
      seen.push(shown(board))
      response.end()
    })
    instrument(server, { board })
    const port = await listen(server)

    const client = net.connect(port, '127.0.0.1')
    client.write('GET /same HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20))
    await eventually(() => seen.length === 20, 'all requests')
    const idle = await showing(board, { state: 'keep-alive', requests: 20, inFlight: 0 })
    client.write('GET /same HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => seen.length === 21, 'one more')
    await showing(board, { state: 'keep-alive', requests: 21 })
    client.destroy()

    assert.deepEqual(new Set(seen.map(({ state, path }) => `${state} ${path}`)), new Set(['working /same']))
    assert.equal(idle.path, '/same')
    await showing(board, { state: 'waiting', requests: 21 })
  })

  it('counts what many requests at once have become, in whatever order they end', async () => {
    const board = open({ baseDir: tempDir() })
    const { server, response } = puppet()
    instrument(server, { board })
    const port = await listen(server)
    const paths = Array.from({ length: 12 }, (_, i) => `/${i}`)

    const answers: Promise<unknown>[] = []
    for (const path of paths) {
      answers.push(request(port, path))
      await response(path)
    }
    await showing(board, { inFlight: 12, path: '/11' })
    for (let i = 0; i < paths.length; i++) {
      // 0, 5, 10, 3, 8, 1, 6, 11, 4, 9, 2, 7: the oldest, the newest and those between.
      ;(await response(paths[(i * 5) % 12]!)).end()
      const { oldest, path } = await showing(board, { inFlight: 11 - i, requests: i + 1 })
      const left = paths.filter((_, k) => !paths.slice(0, i + 1).some((_, j) => (j * 5) % 12 === k))
      if (left.length > 0) assert.equal(path, left.at(-1))
      assert.equal(oldest?.path, left.length > 1 ? left[0] : undefined)
    }

    await Promise.all(answers)
    await showing(board, { state: 'waiting', inFlight: 0, requests: 12 })
  })

  it('shows a server on each of two boards in full', async () => {
    const boards = [1, 2].map(() => open({ baseDir: tempDir(), counters: COUNTERS }))
    const server = http.createServer((_, response) => response.end('hello'))
    for (const board of boards) instrument(server, { board })
    const port = await listen(server)
    const agent = new http.Agent({ keepAlive: true })

    await request(port, '/', { agent })
    const kept = await Promise.all(
      boards.map((board) => showing(board, { state: 'keep-alive', requests: 1 })),
    )
    agent.destroy()
    await Promise.all(boards.map((board) => showing(board, { state: 'waiting' })))
    await eventually(() => boards.every((board) => shown(board).bytes > 0), 'bytes on both boards')

    assert.deepEqual(
      kept.map(({ inFlight }) => inFlight),
      [0, 0],
    )
    assert.deepEqual(boards[0]!.totals(), boards[1]!.totals())
  })

  it('shows two servers on each of two boards', async () => {
    const boards = [1, 2].map(() => open({ baseDir: tempDir() }))
    const servers = [1, 2].map(() => http.createServer((_, response) => response.end('hello')))
    for (const [server, first, second] of [
      [servers[0]!, boards[0]!, boards[1]!],
      [servers[1]!, boards[1]!, boards[0]!],
    ] as const) {
      instrument(server, { board: first })
      instrument(server, { board: second })
    }

    for (const server of servers) await request(await listen(server), '/')

    for (const board of boards) await showing(board, { state: 'waiting', requests: 2 })
  })

  it('serves HTTPS as well', async () => {
    const board = open({ baseDir: tempDir() })
    // A key that both sides know instead of a certificate.
    const psk = Buffer.from('0123456789abcdef0123456789abcdef', 'hex')
    const tls = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const
    const server = https.createServer({ ...tls, pskCallback: () => psk }, (_, response) => {
      response.end('hello')
    })
    instrument(server, { board })
    const port = await listen(server)

    const pskCallback = () => ({ psk, identity: 'test' })
    const options = { ...tls, port, path: '/three', pskCallback, checkServerIdentity: () => undefined }
    const [response] = await once(https.get({ ...options, agent: false }), 'response')
    await once(response.resume(), 'close')
    const { path, protocol, remoteAddress } = await showing(board, { requests: 1, state: 'waiting' })

    assert.deepEqual([path, protocol, remoteAddress], ['/three', 'HTTP/1.1', '127.0.0.1'])
  })

  it('serves HTTP/2 as well', async () => {
    const board = open({ baseDir: tempDir() })
    const server = http2.createServer((_, response) => void response.end('hello'))
    instrument(server, { board })
    const port = await listen(server)
    const session = http2.connect(`http://127.0.0.1:${port}`)
    sessions.push(session)

    const stream = session.request({ ':path': '/two', ':method': 'GET' })
    await once(stream.resume(), 'close')
    await eventually(() => shown(board).requests === 1 && shown(board).bytes > 0, 'the request and its bytes')
    const { since: _, bytes, ...rest } = shown(board)
    session.destroy()

    assert.deepEqual(rest, {
      state: 'keep-alive',
      method: 'GET',
      host: `127.0.0.1:${port}`,
      path: '/two',
      remoteAddress: '127.0.0.1',
      protocol: 'HTTP/2.0',
      inFlight: 0,
      requests: 1,
    })
    assert.ok(bytes > 5)
    await showing(board, { state: 'waiting' })
  })

  it('leaves streams of HTTP/2 to a server that answers them without requests', async () => {
    const board = open({ baseDir: tempDir() })
    const server = http2.createServer()
    instrument(server, { board })
    server.on('stream', (stream) => {
      stream.respond({}, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ last: 'one' }))
      stream.end('hello')
    })
    const session = http2.connect(`http://127.0.0.1:${await listen(server)}`)
    sessions.push(session)

    const stream = session.request({ ':path': '/stream' }).resume()
    const [trailers] = await once(stream, 'trailers')
    session.destroy()

    assert.equal(trailers.last, 'one')
    assert.equal(shown(board).requests, 0)
  })

  it('stops when it is undone, and leaves the server alone', async () => {
    const board = open({ baseDir: tempDir() })
    const server = http.createServer((_, response) => response.end('hello'))
    const undo = instrument(server, { board })
    const port = await listen(server)
    await request(port, '/')
    await showing(board, { requests: 1 })

    undo()
    undo()
    const { status } = await request(port, '/')

    assert.equal(status, 200)
    assert.ok(!Object.hasOwn(server, 'emit'))
    assert.equal(server.listenerCount('request'), 1)
    assert.deepEqual([shown(board).requests, shown(board).inFlight], [1, 0])
    using _ = instrument(server, { board })
    await request(port, '/')
    await showing(board, { requests: 2 })
  })

  it('is undone in any order', async () => {
    const board = open({ baseDir: tempDir() })
    const server = http.createServer((_, response) => response.end('hello'))
    const port = await listen(server)
    const undo = instrument(server, { board })
    const undoToo = instrument(server, { board })

    undo()
    await request(port, '/')

    await showing(board, { state: 'waiting', path: '/' })
    assert.equal(shown(board).requests, 1)
    undoToo()
    assert.ok(!Object.hasOwn(server, 'emit'))
  })

  it('gets on with others that put themselves before a server', async () => {
    const board = open({ baseDir: tempDir() })
    const server = http.createServer((_, response) => response.end('hello'))
    const port = await listen(server)
    const told: string[] = []
    const putBefore = (name: string) => {
      const { emit } = server
      server.emit = function (this: http.Server, event: string, ...values: unknown[]) {
        if (event === 'request') told.push(name)
        return Reflect.apply(emit, this, [event, ...values])
      } as typeof emit
      return server.emit
    }

    const first = putBefore('first')
    const undo = instrument(server, { board })
    putBefore('last')
    undo()
    instrument(server, { board })()
    const undoAgain = instrument(server, { board })
    await request(port, '/')

    await showing(board, { state: 'waiting', path: '/' })
    assert.equal(shown(board).requests, 1)
    assert.deepEqual(told, ['last', 'first'])
    undoAgain()
    const alone = http.createServer()
    alone.emit = first
    instrument(alone, { board })()
    assert.equal(alone.emit, first)
  })

  it('lets a prototype be changed while a server is followed', () => {
    class Traced extends http.Server {}
    const server = new Traced()
    using _ = instrument(server, { board: open({ baseDir: tempDir() }) })
    const told: unknown[] = []

    Traced.prototype.emit = function (this: http.Server, ...values: unknown[]) {
      told.push(values)
      return false
    } as http.Server['emit']
    server.emit('anything', 1)

    assert.deepEqual(told, [['anything', 1]])
    Reflect.deleteProperty(Traced.prototype, 'emit')
  })

  it('follows what another answers that took all listeners away', async () => {
    const board = open({ baseDir: tempDir() })
    const server = http.createServer()
    using _ = instrument(server, { board })
    const port = await listen(server)

    server.removeAllListeners('request')
    server.on('request', (_, response) => response.end('hello'))
    await request(port, '/')

    await showing(board, { requests: 1 })
  })

  it('passes on all events with all they are told with', () => {
    const server = http.createServer()
    using _ = instrument(server, { board: open({ baseDir: tempDir() }) })
    const told: unknown[][] = []
    for (const event of ['stream', 'anything']) server.once(event, (...values) => told.push(values))
    server.once('request', (...values: unknown[]) => told.push(values))

    assert.equal(server.emit('stream', 1, 2, 3, 4), true)
    assert.equal(server.emit('stream', 1), false)
    assert.equal((server as EventEmitter).emit('anything', 5), true)
    assert.equal((server as EventEmitter).emit('request', {}, {}, 'more'), true)

    assert.deepEqual(told, [[1, 2, 3, 4], [5], [{}, {}, 'more']])
  })

  it('counts what ends after it was undone', async () => {
    const board = open({ baseDir: tempDir(), counters: COUNTERS })
    const held: http.ServerResponse[] = []
    const server = http.createServer((_, response) => held.push(response))
    const undo = instrument(server, { board })
    const port = await listen(server)
    const answered = request(port, '/')
    await eventually(() => held.length === 1, 'the request')

    undo()
    held[0]!.end()
    await answered

    await eventually(() => board.totals().requests === 1, 'the request to be counted')
  })

  it('serves on when the board is closed, full, or replaced, and tells once', async () => {
    const baseDir = tempDir()
    const closed = open({ baseDir: tempDir() })
    const holder = open({ baseDir, slots: 1 })
    holder.update('mine')
    const full = open({ baseDir })
    const errors: Error[] = []
    const onError = (error: Error) => void errors.push(error)
    const server = http.createServer((_, response) => response.end('hello'))
    instrument(server, { board: closed, onError })
    instrument(server, { board: full, onError })
    closed.close()
    const port = await listen(server)

    const answers = await Promise.all([1, 2, 3].map(() => request(port, '/')))

    assert.deepEqual(
      answers.map(({ body }) => body),
      ['hello', 'hello', 'hello'],
    )
    assert.deepEqual(errors.map((error) => (error as { code?: string }).code).sort(), [
      'ERR_BOARD_FULL',
      'ERR_CLOSED',
    ])
  })

  it('publishes what it last did when a full board has room, also without another request', async () => {
    const baseDir = tempDir()
    const holder = open({ baseDir, slots: 1 })
    holder.update('mine')
    const board = open({ baseDir })
    const server = http.createServer((_, response) => response.end('hello'))
    instrument(server, { board, onError() {} })
    const port = await listen(server)
    await request(port, '/')

    holder.close()
    await eventually(() => board.readAll().size === 1, 'a place on the board')

    await showing(board, { state: 'waiting', path: '/', requests: 1 })
  })

  it('survives functions that throw, and tells once', async () => {
    const board = open({ baseDir: tempDir() })
    const errors: Error[] = []
    const server = http.createServer((_, response) => response.end('hello'))
    instrument(server, {
      board,
      path: () => {
        throw new Error('no path today')
      },
      onError(error) {
        errors.push(error)
        throw new Error('nor today')
      },
    })
    const port = await listen(server)

    for (let i = 0; i < 3; i++) assert.equal((await request(port, '/a')).body, 'hello')

    assert.equal((await showing(board, { requests: 3 })).path, '/a')
    assert.deepEqual(
      errors.map(({ message }) => message),
      ['no path today'],
    )
  })

  it('shows the request that hangs a worker, and of a killed one the last', async () => {
    const baseDir = tempDir()
    const board = open({ baseDir, counters: COUNTERS })
    const child = await startReady('hanging-server', baseDir)
    const { port } = await child.ask<{ port: number }>('port')
    const hung = request(port, '/hang?for=ever').catch((error: Error) => error)

    await eventually(() => board.readAll().size > 0 && shown(board).path === '/hang?for=ever', 'the request')
    const stuck = shown(board)
    await child.killed()
    const [dead] = board.snapshot({ includeDead: true }).workers

    assert.ok((await hung) instanceof Error)
    assert.deepEqual([stuck.state, stuck.inFlight], ['working', 1])
    assert.equal(dead!.state, 'dead')
    assert.deepEqual(dead!.status, stuck)
  })

  it('refuses what is no server, no board, or no option', () => {
    const board = open({ baseDir: tempDir() })
    const server = http.createServer()

    assert.throws(() => instrument({} as http.Server, { board }), /Expected a server of node:http/)
    assert.throws(
      () => instrument(server, {} as { board: Scoreboard }),
      /Expected option 'board' to be a Scoreboard/,
    )
    assert.throws(
      () => instrument(server, { board, qurey: true } as { board: Scoreboard }),
      /did you mean 'query'/,
    )
    assert.throws(
      () => instrument(server, { board, path: 'x' as never }),
      /Expected option 'path' to be a function/,
    )
    assert.equal(board.readAll().size, 0)
  })
})
