// Whoever looks at a worker's own status page is no work of that worker.

import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

import { instrument, isRequestStatus, type RequestStatus, type Scoreboard, statusHandler } from '../../lib'
import { open } from '../support/boards'
import { eventually } from '../support/eventually'
import { ask, EventStream, listening } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

describe('A status page on the instrumented server itself', () => {
  it('leaves its worker idle, with the last request that was work', async () => {
    const board: Scoreboard = open({ baseDir: tempDir(), workerId: 'web-1' })
    const page = statusHandler(board)
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      if (request.url!.startsWith('/status')) page(request, response)
      else response.end('works')
    })
    instrument(server, { board })
    const { port } = await listening(server)
    const shown = (): RequestStatus => {
      const status = board.readAll().get('web-1')
      assert.ok(isRequestStatus(status))
      return status
    }

    await ask(port, { path: '/orders/17' })
    await EventStream.open(port, () => {}, '/status?events')
    for (const path of ['/status', '/status?json', '/status?auto', '/status/metrics'])
      await ask(port, { path })

    await eventually(
      () => shown().inFlight === 0 && ['keep-alive', 'waiting'].includes(shown().state),
      () => `an idle worker, it says ${JSON.stringify(shown())}`,
    )
    assert.deepEqual([shown().requests, shown().path], [1, '/orders/17'])
    const { workers } = JSON.parse((await ask(port, { path: '/status?json' })).body)
    assert.equal(workers[0].kind, 'idle')
  })
})
