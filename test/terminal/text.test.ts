// What is shown in a terminal: statuses, ages, tables, numbers.

import assert from 'node:assert/strict'

import { integerFrom, octal } from '../../lib/cli/parse/arguments'
import { durationFrom, parseDuration } from '../../lib/cli/parse/duration'
import type { Cursor, Snapshot, WorkerEntry } from '../../lib/scoreboard/types'
import { renderJson, renderLine, renderScreen, renderTable } from '../../lib/terminal/render'
import { sortWorkers } from '../../lib/view/sort'
import { ageText, cut, escapeControls, statusText } from '../../lib/view/text'

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

describe('Text for a terminal', () => {
  it('shows what a terminal would obey, and keeps what people write', () => {
    assert.equal(escapeControls('a\x1b[2J\x07\x7f\x9b\r\n\t\0'), 'a\\x1b[2J\\x07\\x7f\\x9b\\r\\n\\t\\x00')
    assert.equal(escapeControls('\u202eevil\u2066\u2028\ufeff'), '\\u{202e}evil\\u{2066}\\u{2028}\\u{feff}')
    assert.equal(escapeControls('lone \ud800 surrogate'), 'lone \ufffd surrogate')
    assert.equal(escapeControls('日本語 नमस्ते 👨‍👩‍👧 می‌خواهم'), '日本語 नमस्ते 👨‍👩‍👧 می‌خواهم')
  })

  it('cuts by columns, never inside a character', () => {
    assert.equal(cut('abcdef', 6), 'abcdef')
    assert.equal(cut('abcdef', 5), 'abcd…')
    assert.equal(cut('日本語', 6), '日本語')
    assert.equal(cut('日本語', 5), '日本…')
    assert.equal(cut('日本語', 4), '日…')
    assert.equal(cut('👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧', 5), '👨‍👩‍👧👨‍👩‍👧…')
    assert.equal(cut('e\u0301'.repeat(4), 3), `${'e\u0301'.repeat(2)}…`)
    assert.equal(cut('abc', 1), '…')
    assert.equal(cut('abc', 0), '')
  })

  it('looks at the beginning only of a status that is huge', () => {
    assert.equal(statusText('x'.repeat(1 << 24), 5), 'xxxx…')
    assert.ok(statusText(`e${'\u0301'.repeat(1 << 24)}`, 5).length <= 40)
    assert.equal(statusText(Buffer.alloc(1 << 24, 1), 20), '<16777216 bytes> 01…')
  })

  it('names every kind of status', () => {
    const kinds = ['text', '', 0, false, null, [1], { a: 'b\n' }, Buffer.from('hi'), undefined] as const
    assert.deepEqual(
      kinds.map((status) => statusText(status, Infinity)),
      ['text', '', '0', 'false', 'null', '[1]', '{"a":"b\\n"}', '<2 bytes> 6869', '(no update yet)'],
    )
  })

  it('says an age in a few characters', () => {
    const ages = [undefined, -1, 0, 349, 9_999, 12_345, 303_000, 7_440_000, 273_600_000]
    assert.deepEqual(ages.map(ageText), [
      '-',
      '0.0s',
      '0.0s',
      '0.3s',
      '10.0s',
      '12s',
      '5m03s',
      '2h04m',
      '3d04h',
    ])
  })
})

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

  it('does not call a server stale that waits for requests', () => {
    const request = { inFlight: 0, since: 1, requests: 7, bytes: 9 }
    const servers = snapshot(
      { id: 'web-1', slot: 0, ageMs: 20_000, status: { ...request, state: 'keep-alive' } },
      { id: 'web-2', slot: 1, ageMs: 20_000, status: { ...request, state: 'working' } },
    )

    assert.equal(renderLine(servers, 10_000), '1 live, 1 stale, 16 slots')
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
    assert.equal(renderLine(mixed, 10_000), '2 live, 2 stale, 1 dead, 16 slots')
    assert.equal(renderLine(snapshot()), '0 live, 16 slots')
  })

  it('is a screen of exactly the size there is', () => {
    for (const rows of [1, 3, 5, 6, 8, 9, 40]) {
      const lines = renderScreen(mixed, { title: '/run/app', footer: 'q quit', rows, columns: 60 })

      assert.ok(lines.length <= rows, `${lines.length} lines on ${rows} rows`)
      assert.equal(lines.at(-1), 'q quit')
    }
    const [title, , , ...rest] = renderScreen(mixed, { title: '/run/app', footer: 'q quit', rows: 7 })
    assert.equal(title, '/run/app  4 live, 1 dead, 16 slots')
    assert.deepEqual(
      rest.map((line) => line.slice(0, 13).trim()),
      ['0  web-1', '1  web-2', '... and 3 mor', 'q quit'],
    )
  })

  it('is JSON in which bytes can be told from text', () => {
    const json = JSON.parse(renderJson(snapshot({ status: Buffer.of(0, 255) }, { status: undefined })))

    assert.deepEqual(Object.keys(json), ['boardId', 'slots', 'workers', 'takenAt'])
    assert.deepEqual(json.workers[0].status, { type: 'bytes', base64: 'AP8=' })
    assert.equal('status' in json.workers[1], false)
  })

  it('is sorted as people expect', () => {
    const unsorted = snapshot(
      { id: 'web-10', slot: 2, ageMs: 5, updates: 9, pid: 1 },
      { id: 'web-9', slot: 1, ageMs: undefined, updates: 9, pid: 3 },
      { id: 'db', slot: 3, ageMs: 70, updates: 10, pid: 2 },
    )
    const slots = (sort: 'slot' | 'age' | 'updates' | 'id' | 'pid', reverse = false) =>
      sortWorkers(unsorted, { sort, reverse }).workers.map(({ slot }) => slot)

    assert.deepEqual(slots('slot'), [1, 2, 3])
    assert.deepEqual(slots('age'), [1, 3, 2])
    assert.deepEqual(slots('updates'), [3, 1, 2])
    assert.deepEqual(slots('id'), [3, 1, 2])
    assert.deepEqual(slots('pid'), [2, 3, 1])
    assert.deepEqual(slots('id', true), [2, 1, 3])
  })
})

describe('Numbers on the command line', () => {
  it('are durations with a unit', () => {
    const written = ['500ms', '0s', '120s', '1.5m', '2h', '1d', ' 5s ']
    assert.deepEqual(written.map(parseDuration), [500, 0, 120_000, 90_000, 7_200_000, 86_400_000, 5_000])
    for (const text of ['', '5', 's', '-5s', '5 s', '1e3s', '5sec', 'Infinity']) {
      assert.throws(() => parseDuration(text), /Expected a duration like/)
    }
    assert.throws(() => durationFrom('50ms')('49ms'), /at least 50ms/)
    assert.equal(durationFrom('50ms')('50ms'), 50)
  })

  it('are permission bits in octal', () => {
    assert.deepEqual(['0660', '660', '0'].map(octal), [0o660, 0o660, 0])
    for (const text of ['', '0o660', '888', '12345', 'rw']) {
      assert.throws(() => octal(text), /permission bits in octal/)
    }
  })

  it('are whole numbers within limits', () => {
    assert.equal(integerFrom(1, 10)('10'), 10)
    for (const text of ['0', '11', '1.0', '1e1', '', '-1', 'x']) {
      assert.throws(() => integerFrom(1, 10)(text), /whole number from 1 to 10/)
    }
  })
})
