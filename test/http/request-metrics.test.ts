// Requests counted and timed in shared memory: what a worker had counted stays when it is killed.

import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

import { instrument, renderMetrics, statusHandler } from '../../lib'
import { open } from '../support/boards'
import { startReady } from '../support/child'
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

  it('keeps Total Accesses from falling, whoever is asked and whoever is killed', async () => {
    const baseDir = tempDir()
    const workers = []
    for (let i = 0; i < 3; i++)
      workers.push(await startReady('measured-server', JSON.stringify({ baseDir, id: `w-${i}` })))
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
    const next = await startReady('measured-server', JSON.stringify({ baseDir, id: 'w-3' }))
    const { port } = await next.ask<{ port: number }>('port')
    const { body } = await ask(port, { path: '/status?auto' })

    assert.deepEqual(
      totals,
      totals.toSorted((a, b) => a - b),
    )
    assert.match(body, /^Total Accesses: 6$/m)
  })
})
