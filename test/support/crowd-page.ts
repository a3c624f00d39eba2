// The status page of thousands of workers that nobody has to start: what the server would say of them, from the code
// that says it.

import type { RequestListener } from 'node:http'
import type { Picture } from '../../lib/page/feed'
import { History } from '../../lib/page/history'
import { renderPage, renderTick } from '../../lib/page/page'
import { readChoice } from '../../lib/page/row-order'
import { viewWorker, type WorkerView } from '../../lib/page/row-values'
import { frame } from '../../lib/page/streams'
import { countKinds } from '../../lib/view/activity'

function crowd(count: number): WorkerView[] {
  const at = Date.now()
  return Array.from({ length: count }, (_, slot) => {
    const isBusy = slot % 3 === 0
    const status = {
      state: isBusy ? 'working' : 'keep-alive',
      since: at - (slot % 7) * 1300,
      method: 'GET',
      host: 'shop.example',
      path: `/customers/${slot * 17}/orders?page=${slot % 9}`,
      remoteAddress: `198.51.100.${slot % 250}`,
      inFlight: isBusy ? 1 : 0,
      requests: slot * 31,
      bytes: slot * 40_000,
    }
    const common = { id: `worker-${slot}`, pid: 1000 + slot, threadId: 0, slot, epoch: 1, updates: slot }
    const times = { startedAt: at - 60_000, updatedAt: at, ageMs: slot % 5000 }
    const state = slot % 1000 === 999 ? 'dead' : 'live'
    return viewWorker({ ...common, ...times, state, status, counters: {} }, at, {}).view
  })
}

/** Answers with the page and its events. */
export function crowdPage(count: number): RequestListener {
  const workers = crowd(count)
  const picture = {
    board: { baseDir: '/run/crowd' },
    slots: 8192,
    workers,
    counts: countKinds(workers.map(({ kind }) => kind)),
    sums: { updates: 1, requests: 1, bytes: 1 },
    servesRequests: true,
    oldestStart: Date.now(),
    ended: { ended: 0, died: 0, isExact: true },
    deaths: [],
    history: new History(),
    queues: { views: [] },
    totals: {},
    requests: undefined,
    at: Date.now(),
  } as unknown as Picture
  return (request, response) => {
    const query = new URLSearchParams(request.url!.split('?')[1])
    if (!query.has('events')) {
      response.setHeader('Content-Type', 'text/html; charset=utf-8')
      response.end(renderPage(picture, readChoice(query), {}))
      return
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write(frame('all', { workers, tick: renderTick(picture) }))
    const ticking = setInterval(() => response.write(frame('tick', renderTick(picture))), 1000)
    response.on('close', () => clearInterval(ticking))
  }
}
