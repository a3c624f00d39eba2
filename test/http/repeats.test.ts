// instrument(), where a request may say just what the one before it said: then next to nothing is done, and
// nobody may be able to tell.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import { instrument, type RequestStatus, type Scoreboard } from '../../lib'
import { open } from '../support/boards'
import { eventually } from '../support/eventually'
import { listen } from '../support/http'
import { showing, shown } from '../support/request-status'
import { tempDir } from '../support/temp-dir'

interface Ask {
  method?: string
  path?: string
  host?: string
}

const wires: http.Agent[] = []

/** A connection of its own that is kept: it asks, and waits for the answer. */
function wireTo(port: number): (ask?: Ask) => Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  wires.push(agent)
  return async ({ method = 'GET', path = '/', host = 'a' } = {}) => {
    const asked = http.request({ agent, port, host: '127.0.0.1', method, path, headers: { host } })
    asked.end(method === 'POST' ? 'body' : undefined)
    const [response] = (await once(asked, 'response')) as [http.IncomingMessage]
    response.resume()
    await once(response, 'end')
  }
}

/**
 * A connection for each request: its client says that it is the only one, or just goes when it has its answer. The second
 * function goes without one.
 */
function wiresTo(port: number, isTold: boolean): { ask: () => Promise<void>; giveUp: () => void } {
  let wire: http.Agent
  const ask = async () => {
    wire = new http.Agent({ keepAlive: !isTold })
    const asked = http.get({ agent: wire, port, host: '127.0.0.1', path: '/', headers: { host: 'a' } })
    const closed = once(asked, 'close').catch(() => {})
    asked.on('response', (response) => response.resume().on('end', () => wire.destroy()))
    await closed
  }
  return { ask, giveUp: () => wire.destroy() }
}

describe('instrument, of requests that are much alike', () => {
  let board: Scoreboard
  let port: number
  /** What the board had when the code of each request began. */
  let seen: RequestStatus[]
  let sockets: net.Socket[]
  let answer: (response: http.ServerResponse) => void

  beforeEach(async () => {
    board = open({ baseDir: tempDir() })
    seen = []
    sockets = []
    answer = (response) => response.end('hello')
    const server = http.createServer((_, response) => {
      seen.push(shown(board))
      answer(response)
    })
    // A client that has had no time for five seconds would find its connection gone.
    server.keepAliveTimeout = 0
    server.on('connection', (socket) => sockets.push(socket))
    instrument(server, { board, onError() {} })
    port = await listen(server)
  })

  afterEach(() => {
    for (const agent of wires.splice(0)) agent.destroy()
  })

  /** The next request is not answered before the test does it. */
  function holdNext(): Promise<http.ServerResponse> {
    const before = answer
    return new Promise((resolve) => {
      answer = (response) => {
        answer = before
        resolve(response)
      }
    })
  }

  /** Like two that were answered at once, but not answered before the test does it. */
  async function askAlike(
    quick: () => Promise<void>,
    slow: () => Promise<void>,
  ): Promise<{ response: http.ServerResponse; ended: Promise<void> }> {
    await quick()
    await quick()
    const held = holdNext()
    const ended = slow()
    return { response: await held, ended }
  }

  it('tells of each what it is, and counts it', async () => {
    const asks: Ask[] = [
      { path: '/a' },
      { path: '/a' },
      { path: '/b' },
      { path: '/b', method: 'HEAD' },
      { path: '/b' },
      { path: '/b', host: 'b' },
      { path: '/b', host: 'b', method: 'POST' },
      { path: '/b', host: 'b', method: 'POST' },
    ]
    const all = Array.from({ length: 50 }, () => asks).flat()
    const [one, other] = [wireTo(port), wireTo(port)]

    const counts: number[] = []
    for (const [i, ask] of all.entries()) {
      await (i % 3 === 0 ? one : other)(ask)
      counts.push(seen.at(-1)!.requests, shown(board).requests)
    }

    assert.deepEqual(
      seen.map(({ state, method, path, host, inFlight }) => ({ state, method, path, host, inFlight })),
      all.map(({ method = 'GET', path, host = 'a' }) => {
        return { state: method === 'POST' ? 'reading' : 'working', method, path, host, inFlight: 1 }
      }),
    )
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
      'a count that falls',
    )
    await showing(board, { state: 'keep-alive', requests: all.length, inFlight: 0 })
  })

  it('tells the time anew while they come without a pause', async () => {
    const ask = wireTo(port)

    const times = new Set<number>()
    for (let i = 0; times.size < 10; i++) {
      assert.ok(i < 20_000, `${times.size} times in 20,000 requests`)
      await ask()
      times.add(seen.at(-1)!.since)
    }
  })

  it('tells of each of a crowd what it is, and that all have ended', async () => {
    const before = answer
    const asked: string[] = []
    answer = (response) => {
      asked.push(response.req.url!)
      before(response)
    }
    const crowd = Array.from({ length: 40 }, async (_, i) => {
      const ask = wireTo(port)
      // Mostly alike, and never for long.
      for (let n = 0; n < 50; n++) await ask({ path: n % 10 < 8 ? '/' : `/${i}` })
    })

    await Promise.all(crowd)

    assert.deepEqual(
      seen.map(({ path }) => path),
      asked,
    )
    await showing(board, { state: 'keep-alive', requests: 40 * 50, inFlight: 0 })
  })

  it('knows those that have not ended', async () => {
    const [quick, slow] = [wireTo(port), wireTo(port)]
    for (let round = 0; round < 30; round++) {
      const { response, ended } = await askAlike(quick, slow)
      await quick()
      assert.equal(seen.at(-1)!.inFlight, 2)
      response.end()
      await ended
    }
    await showing(board, { state: 'keep-alive', requests: 30 * 4, inFlight: 0 })
  })

  it('counts the bytes of long answers as they go', async () => {
    const [quick, slow] = [wireTo(port), wireTo(port)]
    const written = () => sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0)
    const areCounted = () => eventually(() => shown(board).bytes === written(), 'all bytes to be counted')
    for (let round = 0; round < 5; round++) {
      const { response, ended } = await askAlike(quick, slow)
      for (const size of [1000, 2000]) {
        response.write('x'.repeat(size))
        await areCounted()
      }
      response.end('x'.repeat(5000))
      await ended
      await areCounted()
    }
  })

  for (const isTold of [true, false]) {
    const clients = isTold ? 'say that it is their only request' : 'go when they have their answer'

    it(`knows those that have not ended among connections of clients that ${clients}`, async () => {
      const { ask, giveUp } = wiresTo(port, isTold)
      for (let round = 0; round < 10; round++) {
        const { response, ended } = await askAlike(ask, ask)
        await showing(board, { state: 'working', requests: 3 * round + 2, inFlight: 1 })
        if (round % 2 === 0) response.end('hello')
        else giveUp()
        await ended
      }
      await showing(board, { state: 'waiting', requests: 30, inFlight: 0 })
      const written = sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0)
      await eventually(() => shown(board).bytes === written, 'all bytes to be counted')
    })
  }

  it('listens to no connection that its client has said to end with the request', async () => {
    const counts: number[] = []
    const plain = http.createServer(({ socket }, response) => {
      counts.push(socket.listenerCount('close'))
      response.end()
    })
    answer = (response) => {
      counts.push(response.req.socket.listenerCount('close'))
      response.end()
    }

    await wiresTo(await listen(plain), true).ask()
    await wiresTo(port, true).ask()

    assert.equal(counts[1], counts[0])
  })
})
