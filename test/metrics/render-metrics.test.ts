// Metrics for Prometheus: read by a parser that is not ours, and equal to what the board says.

import assert from 'node:assert/strict'
import parse from 'parse-prometheus-text-format'
import { CONTENT_TYPES, metricsFormat, readQueue, renderMetrics, Scoreboard, WatchdogQueue } from '../../lib'
import { open } from '../support/boards'
import { startReady } from '../support/child'
import { tempDir } from '../support/temp-dir'

/** `{ 'rollcall_workers{state="live"}': 1, ... }`. */
function samples(text: string): Record<string, number> {
  const entries = parse(text).flatMap(({ name, metrics }) =>
    metrics.map(({ labels, value }): [string, number] => {
      const inner = Object.entries(labels ?? {}).map(([label, text]) => `${label}="${text}"`)
      return [inner.length === 0 ? name : `${name}{${inner.join(',')}}`, Number(value)]
    }),
  )
  assert.equal(new Set(entries.map(([name]) => name)).size, entries.length, 'a series comes twice')
  return Object.fromEntries(entries)
}

describe('renderMetrics', () => {
  it('says what the board says', async () => {
    const baseDir = tempDir()
    const options = {
      baseDir,
      slots: 16,
      counters: { 'jobs-done': 'counter', queued: 'gauge', workers: 'counter' },
      sharedCounters: ['all'],
    } as const
    const board = open({ ...options, sharedCounters: ['all'], workerId: 'a' })
    board.update({ state: 'working', since: 1, inFlight: 3, requests: 17, bytes: 1234 })
    board.counters.add('jobs-done', 5)
    board.counters.set('queued', 2.5)
    board.shared.add('all', 7)
    const dead = await startReady('worker', JSON.stringify({ baseDir, workerId: 'b' }))
    await dead.ask({ method: 'open' })
    await dead.ask({ method: 'update', args: ['x'] })
    await dead.killed()

    const found = samples(renderMetrics(board))
    const [a] = board.snapshot({ includeDead: true }).workers
    const build = Object.keys(found).find((name) => name.startsWith('rollcall_build_info{version='))

    assert.deepEqual(
      {
        ...found,
        'rollcall_worker_status_age_seconds{worker="a"}': 0,
        'rollcall_worker_heartbeat_age_seconds{worker="a"}': 0,
        'rollcall_worker_cpu_seconds_total{worker="a"}': 0,
        'rollcall_worker_resident_memory_bytes{worker="a"}': 0,
        'rollcall_worker_oldest_request_seconds{worker="a"}': 0,
        [build!]: 1,
      },
      {
        [build!]: 1,
        rollcall_slots: 16,
        'rollcall_workers_living{state="busy"}': 1,
        'rollcall_workers_living{state="idle"}': 0,
        'rollcall_workers_living{state="stale"}': 0,
        'rollcall_workers_living{state="blocked"}': 0,
        'rollcall_worker_stale{worker="a"}': 0,
        'rollcall_worker_blocked{worker="a"}': 0,
        'rollcall_worker_blocked_seconds{worker="a"}': 0,
        rollcall_workers_blocked: 0,
        'rollcall_worker_heartbeat_age_seconds{worker="a"}': 0,
        'rollcall_worker_cpu_seconds_total{worker="a"}': 0,
        'rollcall_worker_resident_memory_bytes{worker="a"}': 0,
        'rollcall_workers{state="live"}': 1,
        'rollcall_workers{state="dead"}': 1,
        rollcall_workers_ended_total: 1,
        rollcall_workers_died_total: 1,
        'rollcall_worker_up{worker="a"}': 1,
        'rollcall_worker_up{worker="b"}': 0,
        'rollcall_worker_start_time_seconds{worker="a"}': a!.startedAt / 1000,
        'rollcall_worker_status_age_seconds{worker="a"}': 0,
        'rollcall_worker_updates_total{worker="a"}': 1,
        'rollcall_worker_unreadable{worker="a"}': 0,
        'rollcall_worker_busy{worker="a"}': 1,
        'rollcall_worker_requests_in_flight{worker="a"}': 3,
        'rollcall_worker_oldest_request_seconds{worker="a"}': 0,
        'rollcall_worker_requests_total{worker="a"}': 17,
        'rollcall_worker_sent_bytes_total{worker="a"}': 1234,
        rollcall_jobs_done_total: 5,
        'rollcall_queued{worker="a"}': 2.5,
        rollcall_workers_2_total: 0,
        rollcall_shared_all: 7,
      },
    )
  })

  it('survives any worker id, and has one series for each', () => {
    const baseDir = tempDir()
    const ids = ['a"b', 'c\\d', 'e\nf', 'g}{,="', '\u{1f600}', '__proto__']
    const boards = ids.map((workerId) => open({ baseDir, workerId }))
    for (const board of boards) board.update('x')

    const text = renderMetrics(boards[0]!)

    const up = parse(text).find(({ name }) => name === 'rollcall_worker_up')!.metrics
    assert.deepEqual(
      up.map(({ labels }) => labels!.worker),
      ids,
    )
  })

  it('writes OpenMetrics for those who prefer it', () => {
    const board = open({ baseDir: tempDir(), workerId: 'a', counters: { done_total: 'counter' } })
    board.update('x')

    const lines = renderMetrics(board, { format: 'openmetrics' }).split('\n')

    assert.deepEqual(lines.slice(-2), ['# EOF', ''])
    assert.ok(lines.includes('# TYPE rollcall_worker_updates counter'))
    assert.ok(lines.includes('rollcall_worker_updates_total{worker="a"} 1'))
    assert.ok(lines.includes('# UNIT rollcall_worker_status_age_seconds seconds'))
    assert.ok(lines.includes('rollcall_done_total 0'))
  })

  it('has the items and timers of queues by state', async () => {
    const board = open({ baseDir: tempDir() })
    await using queue = await WatchdogQueue.connect<string>(`${tempDir()}/queue`)
    await queue.createQueue({ queue: ['1', '2', '3'] })
    await using timer = await queue.createTimer('w')
    await (await timer.lease())!.nack('later', { delayMs: 3_600_000 })
    const lease = await timer.lease()

    const found = samples(
      renderMetrics(board, { queues: [await readQueue('jobs', queue as WatchdogQueue<unknown>)] }),
    )
    await lease!.ack()

    const of = (kind: string, state: string) => found[`rollcall_queue_${kind}{queue="jobs",state="${state}"}`]
    assert.deepEqual(
      ['ready', 'delayed', 'leased', 'done', 'dead'].map((state) => of('items', state)),
      [1, 1, 1, 0, 0],
    )
    assert.deepEqual(
      ['alive', 'expired', 'died', 'never-started'].map((state) => of('timers', state)),
      [1, 0, 0, 0],
    )
  })

  it('chooses the format that a client prefers', () => {
    const prometheus =
      'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'

    assert.equal(metricsFormat(prometheus), 'openmetrics')
    assert.equal(metricsFormat('text/plain, application/openmetrics-text;q=0.1'), 'text')
    assert.equal(metricsFormat('application/openmetrics-text;q=0'), 'text')
    assert.equal(metricsFormat(undefined), 'text')
    assert.equal(metricsFormat('nonsense;;;=,'), 'text')
    assert.match(CONTENT_TYPES.openmetrics, /^application\/openmetrics-text; version=1\.0\.0/)
  })

  it('tells of a closed board', () => {
    const board = new Scoreboard({ baseDir: tempDir() })
    board.close()

    assert.throws(() => renderMetrics(board), { code: 'ERR_CLOSED' })
  })
})
