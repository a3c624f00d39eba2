// Open status pages: what they are told, and what happens to those that do not read it.

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { Scoreboard, statusHandler } from '../../lib'
import { open } from '../support/boards'
import { startChild, startReady } from '../support/child'
import { startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
import { ask, EventStream, listen, type ServerEvent } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

interface View {
  key: string
  id: string
  doing: string
  kind: string
  updates: number
}

/** What an open page knows, kept as its script keeps it. */
class Follower {
  readonly known = new Map<string, View>()
  events: string[] = []
  ticks: { texts: Record<string, string>; queues: string }[] = []

  readonly onEvent = ({ event, data }: ServerEvent) => {
    this.events.push(event)
    const parts = data as { workers?: View[]; changed?: View[]; removed?: string[]; tick?: never }
    if (event === 'tick') this.ticks.push(data as never)
    if (event === 'all') this.known.clear()
    for (const key of parts.removed ?? []) this.known.delete(key)
    for (const view of parts.workers ?? parts.changed ?? []) this.known.set(view.key, view)
  }

  find(id: string): View | undefined {
    return [...this.known.values()].find((view) => view.id === id)
  }
}

describe('statusHandler, about open pages', () => {
  let baseDir: string
  let board: Scoreboard

  beforeEach(() => {
    baseDir = tempDir()
    board = open({ baseDir, workerId: 'web-1' })
    board.update('at work')
  })

  it('tells an open page of what is new, changes, closes and dies', async () => {
    const { port } = await listen(statusHandler(board, { intervalMs: 50 }))
    const page = new Follower()
    const stream = await EventStream.open(port, page.onEvent)
    await eventually(() => page.find('web-1'), 'the first worker')
    const worker = await startWorker(baseDir, 'job-1', 'one')
    await eventually(() => page.find('job-1')?.doing === 'one', 'the new worker')
    await worker.ask({ method: 'update', args: ['two'] })
    await eventually(() => page.find('job-1')?.doing === 'two', 'its change')
    await worker.killed()
    await eventually(() => page.find('job-1')?.kind === 'dead', 'its death')
    const again = await startWorker(baseDir, 'job-1', 'three')
    await eventually(
      () => page.find('job-1')?.kind !== 'dead' && page.known.size === 2,
      'the one in its place',
    )
    await again.ask({ method: 'close' })
    await eventually(() => page.find('job-1') === undefined, 'its good-bye')

    assert.equal(stream.headers['content-type'], 'text/event-stream; charset=utf-8')
    assert.equal(page.events[0], 'all')
    assert.equal(page.events.filter((event) => event === 'all').length, 1)
    assert.deepEqual(
      [...page.known.values()].map(({ id }) => id),
      ['web-1'],
    )
  })

  it('ticks while nothing happens, so that a lost connection is noticed', async () => {
    const { port } = await listen(statusHandler(board))
    const page = new Follower()
    await EventStream.open(port, page.onEvent)

    await eventually(() => page.ticks.length >= 2, 'two ticks')

    assert.equal(page.ticks[1]!.texts.all, '1')
  })

  it('watches a board once, however many pages are open, and not at all without any', async () => {
    let watchers = 0
    const watch = board.watch.bind(board)
    board.watch = (options) => {
      watchers++
      options!.signal!.addEventListener('abort', () => watchers--)
      return watch(options)
    }
    const { port } = await listen(statusHandler(board, { intervalMs: 50 }))
    const pages = Array.from({ length: 20 }, () => new Follower())
    const streams = await Promise.all(pages.map((page) => EventStream.open(port, page.onEvent)))
    board.update('together')
    await eventually(() => pages.every((page) => page.find('web-1')?.doing === 'together'), 'all pages')
    const most = watchers
    for (const stream of streams) stream.close()

    await eventually(() => watchers === 0, 'the watcher to go')

    assert.equal(most, 1)
  })

  it('lets a page that does not read miss frames, and gives it everything once it reads', async () => {
    const many = await startReady(
      'status-crowd',
      JSON.stringify({ baseDir, count: 1000, perSecond: 10_000, fill: 200 }),
    )
    let buffered = 0
    let handled: ServerResponse | undefined
    const handler = statusHandler(board, { intervalMs: 50 })
    const { port } = await listen((request, response) => {
      handled = response
      handler(request, response)
    })
    const page = new Follower()
    const stream = await EventStream.open(port, page.onEvent)
    await eventually(() => page.known.size === 1001, 'everything')
    stream.pause()
    // The kernel's own buffers take some megabytes first.
    await eventually(() => handled!.writableLength > 1024 * 1024, 'the page to fall behind')
    const other = new Follower()
    await EventStream.open(port, other.onEvent)
    await eventually(() => {
      buffered = Math.max(buffered, handled!.writableLength)
      return other.events.filter((event) => event === 'change').length > 20
    }, 'others to go on')
    await many.ask('rest')
    stream.resume()

    await eventually(() => page.find('crowd-999')?.doing === 'at rest', 'it to catch up')

    assert.ok(page.events.filter((event) => event === 'all').length >= 2)
    assert.ok(buffered < 2 * 1024 * 1024, `${buffered} bytes were kept for it`)
    assert.ok([...page.known.values()].every(({ id, doing }) => id === 'web-1' || doing === 'at rest'))
  })

  it('opens no more pages than it may', async () => {
    const { port } = await listen(statusHandler(board, { maxPages: 2 }))
    const [first] = await Promise.all([EventStream.open(port, () => {}), EventStream.open(port, () => {})])

    const third = await ask(port, { path: '/?events' })
    first.close()
    await eventually(async () => {
      const page = new Follower()
      const stream = await EventStream.open(port, page.onEvent)
      return /event-stream/.test(String(stream.headers['content-type']))
    }, 'room for another page')

    assert.equal(third.status, 503)
    assert.equal(third.headers['retry-after'], '5')
  })

  it('ends its pages when its board is closed, and says why it cannot be shown', async () => {
    const own = new Scoreboard({ baseDir: tempDir() })
    const { port } = await listen(statusHandler(own))
    const stream = await EventStream.open(port, () => {})
    own.close()

    await stream.ended
    const { status, body } = await ask(port)

    assert.equal(status, 503)
    assert.match(body, /cannot be shown now: .*closed/i)
  })

  it('remembers the recently died of a board that others clean', async () => {
    const { port } = await listen(statusHandler(board, { intervalMs: 50 }))
    const page = new Follower()
    await EventStream.open(port, page.onEvent)
    const victim = startChild('worker', JSON.stringify({ baseDir, workerId: 'victim' }))
    await victim.message()
    for (const request of [{ method: 'open' }, { method: 'update', args: ['last words'] }])
      await victim.ask(request)
    await eventually(() => page.find('victim'), 'the victim')
    await victim.killed()
    await eventually(() => page.find('victim')?.kind === 'dead', 'its death')

    board.readAll() // cleans
    const { body } = await ask(port)

    // Dead is who lies on the board, for all faces alike; who has died while somebody looked is told beside.
    assert.doesNotMatch(body, /<tr class="dead"/)
    assert.match(body, /Last deaths[\s\S]*?victim[\s\S]*?last words/)
    assert.match(body, /1, 1 of them died/)
    const { ended, died } = JSON.parse((await ask(port, { path: '/?json' })).body)
    assert.deepEqual({ ended, died }, { ended: 1, died: 1 })
  })
})
