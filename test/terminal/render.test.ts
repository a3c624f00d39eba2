// A snapshot of a board as a table, a line, a screen and JSON.

import assert from 'node:assert/strict'

import type { Cursor, Snapshot, Status, WorkerEntry } from '../../lib/scoreboard/types'
import { changeLines } from '../../lib/terminal/change-lines'
import { renderJson, renderLine, renderScreen, renderTable } from '../../lib/terminal/render'
import { doingText } from '../../lib/view/doing'
import { sortWorkers } from '../../lib/view/sort'
import type { SortKey } from '../../lib/view/sort-keys'

const TAKEN_AT = 1_800_000_000_000

function entry(change: Partial<WorkerEntry>): WorkerEntry {
  const times = { startedAt: TAKEN_AT - 60_000, updatedAt: TAKEN_AT - 500, ageMs: 500 }
  const owner = { id: 'web-1', pid: 4242, threadId: 0, slot: 0, epoch: 1, state: 'live' as const }
  return { ...owner, ...times, status: 'GET /', updates: 7, counters: {}, ...change }
}

function snapshot(...workers: Partial<WorkerEntry>[]): Snapshot {
  const cursor = {} as Cursor
  return { boardId: 'ab12', slots: 16, workers: workers.map(entry), cursor, takenAt: TAKEN_AT }
}

describe('A snapshot as text', () => {
  const mixed = snapshot(
    { id: 'web-1', slot: 0 },
    { id: 'web-2', slot: 1, state: 'dead', ageMs: 65_000 },
    { id: 'web-3', slot: 2, ageMs: 20_000 },
    { id: 'web-4', slot: 3, status: undefined, updates: 0, updatedAt: undefined, ageMs: undefined },
    {
      id: 'web-5',
      slot: 4,
      status: undefined,
      error: { code: 'BUSY', message: 'too\nbusy', preview: 'GET' },
    },
  )

  it('is a table', () => {
    assert.deepEqual(renderTable(mixed, { state: true, staleMs: 10_000 }), [
      'SLOT  ID      PID    AGE  UPDATES  STATE  STATUS',
      '   0  web-1  4242   0.5s        7  live   GET /',
      '   1  web-2  4242  1m05s        7  DEAD   GET /',
      '   2  web-3  4242    20s        7  stale  GET /',
      '   3  web-4  4242      -        0  stale  (no update yet)',
      '   4  web-5  4242   0.5s        7  live   ! BUSY: too\\nbusy (GET)',
    ])
  })

  it('is a table that leaves out what matters least on a narrow terminal', () => {
    const long = snapshot({ id: '日本語のとても長い名前の労働者', status: 'GET /a/rather/long/path' })

    assert.deepEqual(renderTable(long, { columns: 50 }), [
      'SLOT  ID                AGE  STATUS',
      '   0  日本語のとても…  0.5s  GET /a/rather/long/p…',
    ])
    assert.deepEqual(renderTable(long, { columns: 24 }), [
      'ID        AGE  STATUS',
      '日本語…  0.5s  GET /a/r…',
    ])
    assert.deepEqual(renderTable(long, { columns: 6 }), ['ID   …', '日本…'])
  })

  it('tells how long requests have run, drops what all rows share, and says what was the last', () => {
    const at = (seconds: number) => TAKEN_AT - seconds * 1000
    const common = { method: 'GET', host: 'shop.example', requests: 7, bytes: 9 }
    const oldest = { method: 'GET', path: '/export', since: at(90) }
    const busy = { ...common, state: 'writing', since: at(1), began: at(12), path: '/a', inFlight: 2, oldest }
    const idle = { ...common, state: 'keep-alive', since: at(40), path: '/b', inFlight: 0 }
    const board = snapshot({ slot: 0, status: busy }, { id: 'web-2', slot: 1, status: idle })

    assert.deepEqual(renderTable(board), [
      'SLOT  ID      PID   AGE  UPDATES  S  SECS  SERVED  OPEN  OLDEST  METHOD  HOST          PATH',
      '   0  web-1  4242  0.5s        7  W   12s       7     2   1m30s  GET     shop.example  /a',
      '   1  web-2  4242  0.5s        7  K   40s       7     0       -  GET     shop.example  last /b',
    ])
    assert.deepEqual(renderTable(board, { columns: 64 }), [
      'SLOT  ID      AGE  S  SECS  OPEN  OLDEST  PATH',
      '   0  web-1  0.5s  W   12s     2   1m30s  /a',
      '   1  web-2  0.5s  K   40s     0       -  last /b',
    ])
    const other = snapshot({ status: busy }, { slot: 1, status: { ...idle, host: 'b.example' } })
    assert.match(renderTable(other)[1]!, / {2}shop\.example {2}\/a$/)
  })

  it('has the same marks as the page for those in trouble, and says how the dead ended', () => {
    const served = {
      state: 'working',
      since: 1,
      method: 'GET',
      path: '/a',
      inFlight: 1,
      requests: 7,
      bytes: 9,
    }
    const board = snapshot(
      { id: 'live', slot: 0, status: served },
      { id: 'hung', slot: 1, status: served, heartbeatMs: 1000, heartbeatAgeMs: 12_000 },
      { id: 'crashed', slot: 2, status: served, state: 'dead', ending: 'exited 1' },
      { id: 'killed', slot: 3, status: 'no request', state: 'dead', ending: 'SIGKILL' },
      { id: 'gone', slot: 4, status: served, state: 'dead' },
    )

    const rows = renderTable(board, { state: true }).slice(1)

    assert.deepEqual(
      rows.map((row) =>
        /(working|DEAD( .*?)??|blocked \w+) {2,}(\S) /.exec(row)!.filter((_, at) => at % 2 === 1),
      ),
      [
        ['working', 'W'],
        ['blocked 12s', 'B'],
        ['DEAD exited 1', 'x'],
        ['DEAD SIGKILL', 'x'],
        ['DEAD', 'x'],
      ],
    )
  })

  it('reads as on the page where few workers serve requests', () => {
    const served = {
      state: 'working',
      since: 1,
      method: 'GET',
      path: '/a',
      inFlight: 2,
      requests: 7,
      bytes: 9,
    }
    const board = snapshot({ status: served }, { slot: 1 }, { slot: 2 })

    assert.match(renderTable(board)[1]!, / {2}GET \/a \(2 in flight\)$/)
    const moved = changeLines(
      { takenAt: TAKEN_AT, gone: [], workers: [{ ...entry({ status: served }), merged: 1, isNew: true }] },
      { columns: 80, colors: false },
    )
    assert.match(moved[0]!, / \+ web-1 GET \/a \(2 in flight\)$/)
    assert.equal(doingText({ ...served, state: 'waiting', inFlight: 0 } as Status, 80), 'last GET /a')
    assert.equal(doingText({ state: 'waiting', since: 1, inFlight: 0, requests: 0, bytes: 0 }, 80), 'waiting')
  })

  it('does not call a server stale that waits for requests', () => {
    const request = { inFlight: 0, since: 1, requests: 7, bytes: 9 }
    const servers = snapshot(
      { id: 'web-1', slot: 0, ageMs: 20_000, status: { ...request, state: 'keep-alive' } },
      { id: 'web-2', slot: 1, ageMs: 20_000, status: { ...request, state: 'working' } },
    )

    assert.equal(renderLine(servers, { staleMs: 10_000 }), '2 living, 1 idle, 1 stale, 16 slots')
  })

  it('is coloured only when asked: the dead red, the silent yellow', () => {
    const plain = renderTable(mixed, { state: true, staleMs: 10_000 }).join('\n')
    const [head, live, dead, stale] = renderTable(mixed, { state: true, staleMs: 10_000, colors: true })

    assert.ok(!plain.includes('\x1b'))
    assert.ok(head!.startsWith('\x1b[1m'))
    assert.ok(!live!.includes('\x1b'))
    assert.ok(dead!.startsWith('\x1b[31m'))
    assert.ok(stale!.startsWith('\x1b[33m'))
  })

  it('is one line', () => {
    assert.equal(
      renderLine(mixed, { staleMs: 10_000 }),
      '4 living, 1 busy, 1 idle, 2 stale, 1 dead, 16 slots',
    )
    assert.equal(renderLine(snapshot()), '0 living, 16 slots')
  })

  it('is a screen of exactly the size there is', () => {
    for (const rows of [1, 3, 5, 6, 8, 9, 40]) {
      const lines = renderScreen(mixed, { title: '/run/app', footer: 'q quit', rows, columns: 60 })

      assert.ok(lines.length <= rows, `${lines.length} lines on ${rows} rows`)
      assert.equal(lines.at(-1), 'q quit')
    }
    const [title, , , ...rest] = renderScreen(mixed, { title: '/run/app', footer: 'q quit', rows: 7 })
    assert.equal(title, '/run/app  4 living, 2 busy, 2 idle, 1 dead, 16 slots')
    assert.deepEqual(
      rest.map((line) => line.slice(0, 13).trim()),
      ['0  web-1', '1  web-2', '... and 3 mor', 'q quit'],
    )
  })

  const vitals = { cpuPercent: 12.34, cpuMs: 5000, rssBytes: 64 * 1024 * 1024, threads: 11, procState: 'S' }

  it('tells what each costs where that was asked for, and a dash where nobody knows', () => {
    const board = snapshot({ vitals }, { id: 'web-2', slot: 1 })

    assert.deepEqual(renderTable(board, { vitals: true, state: true }), [
      'SLOT  ID      PID   AGE  UPDATES  CPU%      MEM  STATE  STATUS',
      '   0  web-1  4242  0.5s        7  12.3  67.1 MB  live   GET /',
      '   1  web-2  4242  0.5s        7     -        -  live   GET /',
    ])
    assert.doesNotMatch(renderTable(board)[0]!, /CPU|MEM/)
  })

  it('says of a blocked worker whether its process runs at all', () => {
    const state = (procState: string) => {
      const blocked = snapshot({
        heartbeatMs: 1000,
        heartbeatAgeMs: 12_000,
        vitals: { ...vitals, procState },
      })
      return renderTable(blocked, { state: true })[1]!.split('  ').at(-2)
    }

    assert.deepEqual(['R', 'T', 't', 'D'].map(state), [
      'blocked 12s',
      'stopped 12s',
      'traced 12s',
      'in device 12s',
    ])
  })

  it('is JSON in which bytes can be told from text', () => {
    const json = JSON.parse(renderJson(snapshot({ status: Buffer.of(0, 255) }, { status: undefined })))

    assert.deepEqual(Object.keys(json), ['boardId', 'slots', 'workers', 'takenAt'])
    assert.deepEqual(json.workers[0].status, { type: 'bytes', base64: 'AP8=' })
    assert.equal('status' in json.workers[1], false)
  })

  it('is sorted as people expect', () => {
    const unsorted = snapshot(
      { id: 'web-10', slot: 2, ageMs: 5, updates: 9, pid: 1, vitals },
      { id: 'web-9', slot: 1, ageMs: undefined, updates: 9, pid: 3 },
      {
        id: 'db',
        slot: 3,
        ageMs: 70,
        updates: 10,
        pid: 2,
        vitals: { ...vitals, cpuPercent: 99, rssBytes: 1 },
      },
    )
    const slots = (sort: SortKey, reverse = false) =>
      sortWorkers(unsorted, { sort, reverse }).workers.map(({ slot }) => slot)

    assert.deepEqual(slots('slot'), [1, 2, 3])
    assert.deepEqual(slots('age'), [1, 3, 2])
    assert.deepEqual(slots('updates'), [3, 1, 2])
    assert.deepEqual(slots('id'), [3, 1, 2])
    assert.deepEqual(slots('pid'), [2, 3, 1])
    assert.deepEqual(slots('id', true), [2, 1, 3])
    assert.deepEqual(slots('cpu'), [3, 2, 1])
    assert.deepEqual(slots('mem'), [2, 3, 1])
  })
})
