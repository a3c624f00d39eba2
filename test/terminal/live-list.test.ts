// The live list without a terminal: keys in, lines out.

import assert from 'node:assert/strict'
import stringWidth from 'string-width'

import { type MachineEntry, WatchdogError } from '../../lib'
import type { Cursor, Snapshot, WorkerEntry } from '../../lib/scoreboard/types'
import { isText, keyName } from '../../lib/terminal/keys'
import { BoardSource } from '../../lib/terminal/live/board-source'
import { FleetSource } from '../../lib/terminal/live/fleet-source'
import {
  firstRow,
  INTERVALS_MS,
  type ListFacts,
  type ListModel,
  matches,
  newListModel,
  press,
  settle,
} from '../../lib/terminal/live/list-model'
import { ListView } from '../../lib/terminal/live/list-view'
import { QueueSource } from '../../lib/terminal/live/queue-source'
import { intervalText, wrap } from '../../lib/terminal/live/texts'
import { timeLeftMs } from '../../lib/terminal/progress'
import type { QueueReader } from '../../lib/view/queue-reading'
import { RateWindow } from '../../lib/view/rates'
import { fleetMachine, fleetSnapshot } from '../support/fleet-snapshot'

const FACTS: ListFacts = { sortKeys: ['slot', 'age', 'id'], rows: ['a', 'b', 'c', 'd'], pageRows: 2 }
const START = newListModel({ sort: 'slot', intervalMs: 1000 })

function pressed(keys: string[], model: ListModel = START, facts = FACTS): ListModel {
  return keys.reduce((state, key) => press(state, key, facts), model)
}

function worker(change: Partial<WorkerEntry>): WorkerEntry {
  const times = { startedAt: 0, updatedAt: 500, ageMs: 500 }
  const owner = { id: 'web-1', pid: 42, threadId: 0, slot: 0, epoch: 1, state: 'live' as const }
  return { ...owner, ...times, status: 'GET /', updates: 7, counters: {}, ...change }
}

function snapshot(workers: Partial<WorkerEntry>[]): Snapshot {
  return { boardId: 'b', slots: 16, workers: workers.map(worker), cursor: {} as Cursor, takenAt: 1000 }
}

/** A view of whatever `looks` gives, one after the other; its clock goes on by a second a look. */
function boardView(...looks: Partial<WorkerEntry>[][]): ListView<WorkerEntry> {
  let at = -1
  const look = () => {
    at += 1
    return snapshot(looks[Math.min(at, looks.length - 1)]!)
  }
  const source = new BoardSource({ title: '/run/app', look, staleMs: 10_000, now: () => at * 1000 })
  return new ListView(source, { sort: 'slot', interval: 1000 }, false)
}

describe('The keys of a terminal', () => {
  it('have one name each, or are characters, or are nothing', () => {
    const named = (text: string | undefined, key: object) => keyName(text, { sequence: '', ...key } as never)

    assert.equal(named('q', { name: 'q' }), 'q')
    assert.equal(named('é', {}), 'é')
    assert.equal(named('\r', { name: 'return' }), 'enter')
    assert.equal(named('\n', { name: 'enter' }), 'enter')
    assert.equal(named(undefined, { name: 'up' }), 'up')
    assert.equal(named('\x03', { name: 'c', ctrl: true }), 'ctrl-c')
    assert.equal(named('x', { name: 'x', meta: true }), undefined)
    assert.equal(named('\x1b[25~', { name: 'f13' }), undefined)
    assert.ok(isText('🫠') && !isText('up') && !isText('\x07') && !isText(undefined))
  })
})

describe('The state of a live list', () => {
  it('chooses rows, and stays within the list', () => {
    assert.equal(pressed(['down']).chosen, 'a')
    assert.equal(pressed(['down', 'j', 'k', 'up', 'up']).chosen, 'a')
    assert.equal(pressed(['up']).chosen, 'd')
    assert.equal(pressed(['end', 'down']).chosen, 'd')
    assert.equal(pressed(['home', 'pagedown']).chosen, 'c')
    assert.equal(pressed(['G', 'pageup']).chosen, 'b')
    assert.equal(pressed(['down', 'escape']).chosen, undefined)
    assert.equal(pressed(['down'], START, { ...FACTS, rows: [] }).chosen, undefined)
  })

  it('keeps what is chosen where it goes, and gives its place to a neighbour when it has gone', () => {
    const second = pressed(['down', 'down'])

    assert.deepEqual(settle(second, ['d', 'c', 'b', 'a']).position, 2)
    assert.equal(settle(second, ['a', 'c', 'd']).chosen, 'c')
    assert.equal(settle(second, ['a']).chosen, 'a')
    assert.equal(settle(second, []).chosen, undefined)
    assert.equal(settle(START, ['a']).chosen, undefined)
  })

  it('sorts by the next, the previous and by number, and turns round', () => {
    assert.equal(pressed(['s']).sort, 'age')
    assert.equal(pressed(['S']).sort, 'id')
    assert.equal(pressed(['s', 's', 's']).sort, 'slot')
    assert.equal(pressed(['3']).sort, 'id')
    assert.deepEqual([pressed(['3', '3']).isReversed, pressed(['3', '3', '3']).isReversed], [true, false])
    assert.equal(pressed(['9']).sort, 'slot')
    assert.equal(pressed(['r']).isReversed, true)
  })

  it('takes every character into a filter, and brings the old one back on Esc', () => {
    const typing = pressed(['/', 'q', ' ', '?', 's'])

    assert.deepEqual([typing.filter, typing.page, typing.isOver], ['q ?s', 'filter', false])
    assert.equal(pressed(['backspace', 'backspace'], typing).filter, 'q ')
    assert.equal(pressed(['ctrl-w'], typing).filter, 'q ')
    assert.equal(pressed(['ctrl-u'], typing).filter, '')
    assert.equal(pressed(['/', 'backspace']).page, 'list')
    assert.equal(pressed(['escape'], typing).filter, '')
    const kept = pressed(['enter'], typing)
    assert.deepEqual([kept.filter, kept.page], ['q ?s', 'list'])
    assert.equal(pressed(['/', 'x', 'escape'], kept).filter, 'q ?s')
    assert.equal(pressed(['down', 'escape'], kept).filter, 'q ?s')
    assert.equal(pressed(['down', 'escape', 'escape'], kept).filter, '')
    assert.equal(pressed(['home', 'pageup', 'down'], typing).chosen, 'b')
  })

  it('asks by w, with nothing chosen, the row that hangs for longest, else the first', () => {
    const facts = { ...FACTS, canAskWhy: true }

    const asked = (hangsLongest?: string, from = START) => {
      const { page, chosen } = pressed(['w'], from, { ...facts, hangsLongest })
      return [page, chosen]
    }

    assert.deepEqual(
      [asked(), asked('b')],
      [
        ['why', 'a'],
        ['why', 'b'],
      ],
    )
    assert.deepEqual(asked('b', pressed(['home'])), ['why', 'a'])
  })

  it('opens and leaves pages; q ends the list alone', () => {
    assert.equal(pressed(['enter']).page, 'details')
    assert.equal(pressed(['enter']).chosen, 'a')
    assert.equal(pressed(['enter'], START, { ...FACTS, rows: [] }).page, 'list')
    assert.equal(pressed(['?']).page, 'help')
    assert.equal(pressed(['?', '?']).page, 'list')
    assert.equal(pressed(['enter', '?', '?']).page, 'list')
    assert.deepEqual([pressed(['enter', 'q']).page, pressed(['enter', 'q']).isOver], ['list', false])
    assert.equal(pressed(['q']).isOver, true)
    assert.equal(pressed(['?', 'down', 'down', 'up', 'pagedown']).scroll, 3)
    assert.equal(pressed(['?', 'up']).scroll, 0)
  })

  it('looks more and less often, within limits, and pauses', () => {
    assert.deepEqual([pressed(['+']).intervalMs, pressed(['-']).intervalMs], [2000, 500])
    assert.equal(pressed(Array(20).fill('+')).intervalMs, INTERVALS_MS.at(-1))
    assert.equal(pressed(Array(20).fill('-')).intervalMs, INTERVALS_MS[0])
    assert.equal(press({ ...START, intervalMs: 300 }, '+', FACTS).intervalMs, 500)
    assert.deepEqual([pressed(['p']).isPaused, pressed(['p', ' ']).isPaused], [true, false])
    assert.deepEqual(INTERVALS_MS.slice(0, 4).map(intervalText), ['100ms', '200ms', '500ms', '1s'])
    assert.equal(intervalText(60_000), '1m')
  })

  it('leaves alone what no key means', () => {
    for (const key of ['tab', 'delete', 'x', 'ctrl-k', '日']) assert.deepEqual(pressed([key]), START)
  })

  it('filters by all words, in any case and order', () => {
    assert.ok(matches('web-1 live GET /Orders', 'orders WEB'))
    assert.ok(!matches('web-1 live GET /', 'web post'))
    assert.ok(matches('web-1', '!post'))
    assert.ok(!matches('web-1 POST', 'web !post'))
    assert.ok(matches('anything', '  ! '))
  })

  it('scrolls as little as it can', () => {
    assert.equal(firstRow(0, -1, 5, 100), 0)
    assert.equal(firstRow(0, 7, 5, 100), 3)
    assert.equal(firstRow(3, 5, 5, 100), 3)
    assert.equal(firstRow(3, 1, 5, 100), 1)
    assert.equal(firstRow(98, 99, 5, 100), 95)
    assert.equal(firstRow(50, -1, 5, 3), 0)
    assert.equal(firstRow(0, 2, 0, 3), 3)
  })
})

describe('A board as a live list', () => {
  it('is exactly as large as the terminal, whatever its size and page', async () => {
    const view = boardView(Array.from({ length: 50 }, (_, slot) => ({ slot, id: `日本語-${slot}` })))
    await view.refresh()

    for (const keys of [[], ['?'], ['q', 'end', 'enter'], ['escape', '/', 'x']]) {
      for (const key of keys) view.onKey(key)
      for (const columns of [1, 2, 7, 20, 80, 300]) {
        for (const rows of [1, 2, 3, 4, 5, 9, 24, 100]) {
          const lines = view.lines(columns, rows)

          assert.equal(lines.length, rows, `${view.model.page} on ${columns} x ${rows}`)
          assert.ok(lines.every((line) => stringWidth(line) <= columns))
        }
      }
    }
  })

  it('scrolls to what is chosen, and says where it is', async () => {
    const view = boardView(Array.from({ length: 50 }, (_, slot) => ({ slot, id: `web-${slot}` })))
    await view.refresh()
    view.lines(100, 20)
    view.onKey('end')

    const lines = view.lines(100, 20)

    assert.match(lines[1]!, /36-50 of 50/)
    assert.match(lines.at(-2)!, /^> +49 {2}web-49 /)
  })

  it('tells updates a second of each worker that was there before, and of all', async () => {
    const view = boardView(
      [{ slot: 0, updates: 10 }],
      [
        { slot: 0, updates: 40 },
        { slot: 1, id: 'new', updates: 99 },
      ],
    )
    await view.refresh()
    await view.refresh()

    const lines = view.lines(100, 20)

    assert.match(lines[0]!, /2 living, .*16 slots, 30 updates\/s/)
    assert.match(lines[4]!, /web-1 .* 30 +GET/)
    assert.match(lines[5]!, /new .* - +GET/)
  })

  it('tells requests a second, and what the board counts', async () => {
    let requests = 100
    let now = 0
    const look = () => ({ boardId: 'b', slots: 16, workers: [], cursor: {} as Cursor, takenAt: 1 })
    const totals = () => ({ requests, bytes: 2_500_000, 'cache\x1bhits': 1234 })
    const source = new BoardSource({ title: '/run/b', look, totals, staleMs: 10_000, now: () => now })
    source.refresh()
    const first = source.head(100)
    requests += 60
    now += 2000
    source.refresh()

    assert.equal(first[1], 'in all  100 requests (-/s), 2.5 MB sent, 1,234 cache\\x1bhits')
    assert.equal(source.head(100)[1], 'in all  160 requests (30/s), 2.5 MB sent, 1,234 cache\\x1bhits')
  })

  it('keeps a paused look, also through keys', async () => {
    const view = boardView([{ status: 'first' }], [{ status: 'second' }])
    await view.refresh()
    view.onKey('p')
    await view.refresh()

    assert.match(view.lines(100, 20).join('\n'), /PAUSED[\s\S]*first/)
    view.onKey(' ')
    await view.refresh()
    assert.match(view.lines(100, 20).join('\n'), /second/)
  })

  it('shows hostile ids, statuses and counters harmlessly, in the list and in full', async () => {
    const evil = '\x1b[2J\u202e\r\n\x07'
    const view = boardView([{ id: evil, status: { [evil]: evil }, counters: { [evil]: 1 } }])
    await view.refresh()

    const list = view.lines(100, 20).join('')
    view.onKey('enter')
    const details = view.lines(100, 40).join('')

    for (const text of [list, details]) assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]/u)
  })
})

describe('A queue as a live list', () => {
  const counts = { total: 10, ready: 4, delayed: 0, leased: 1, done: 4, dead: 1, failed: 1, retried: 0 }
  const timers = [
    { id: 'w-10', state: 'alive', ageMs: 10, startedAt: 0, host: 'b', pid: 7, progress: { step: 3 } },
    { id: 'w-9', state: 'expired', ageMs: 90_000, startedAt: 0, host: 'a', pid: 8 },
    { id: 'w-9', state: 'finished', ageMs: undefined, startedAt: 5, code: 0 },
    { id: 'w-1', state: 'died', ageMs: undefined },
  ] as Awaited<ReturnType<QueueReader['getTimers']>>

  it('puts trouble first, and counts every state', async () => {
    const source = new QueueSource('/run/jobs', {
      counts: async () => counts,
      getTimers: async () => timers,
    })
    const view = new ListView(source, { sort: 'state', interval: 1000 }, false)
    await view.refresh()

    const lines = view.lines(100, 20)

    assert.match(lines[1]!, /50% 5\/10, \?\/s, \? left, 1 failed/)
    assert.equal(lines[2], 'items    4 ready, 1 leased, 4 done, 1 dead letters; 1 attempts failed, 0 retried')
    assert.equal(lines[3], 'workers  1 expired, 1 died, 1 alive, 1 finished')
    assert.deepEqual(
      lines.slice(7, 11).map((line) => line.split(/ +/)[1]),
      ['expired', 'died', 'alive', 'finished'],
    )
    view.onKey('d')
    assert.doesNotMatch(view.lines(100, 20).slice(6).join('\n'), /died|finished/)
    view.onKey('4')
    assert.match(view.lines(100, 20)[7]!, /w-9 /)
  })

  it('keeps what it knew while the server does not answer, and says so; other errors end it', async () => {
    const errors = [
      undefined,
      new WatchdogError('ERR_CONNECTION', 'gone'),
      new WatchdogError('ERR_CLOSED', 'x'),
    ]
    const source = new QueueSource('zk://a/b', {
      counts: async () => {
        const error = errors.shift()
        if (error !== undefined) throw error
        return counts
      },
      getTimers: async () => timers,
    })
    await source.refresh()
    await source.refresh()

    assert.match(source.head(100)[0]!, /NOT REACHED: gone/)
    assert.equal(source.rows({ sort: 'id', reverse: false }).length, 4)
    await assert.rejects(source.refresh(), { code: 'ERR_CLOSED' })
  })
})

describe('The list of a fleet', () => {
  const source = (...machines: MachineEntry[]) =>
    new FleetSource({
      title: 'zk://zk1/fleet',
      look: async () => fleetSnapshot(...machines),
      limits: {},
      labels: {},
    })
  const names = (of: FleetSource, sort: string) =>
    of.rows({ sort, reverse: false }).map((row) => `${row.machine.name}/${row.worker.id}`)

  it('begins with trouble, and names the machines to look at', async () => {
    const fleet = source(
      fleetMachine('one', [{ id: 'idle', status: 'idle' }, { id: 'busy' }, { id: 'dead', state: 'dead' }]),
      fleetMachine('two', [{ id: 'lost' }], { state: 'lost', lostForMs: 61_000 }),
      fleetMachine('three', [{ id: 'stuck', heartbeatAgeMs: 9000 }]),
    )
    await fleet.refresh()

    assert.deepEqual(names(fleet, 'state'), ['three/stuck', 'one/dead', 'two/lost', 'one/busy', 'one/idle'])
    assert.deepEqual(names(fleet, 'machine'), ['one/idle', 'one/busy', 'one/dead', 'two/lost', 'three/stuck'])
    const [counts, trouble] = fleet.head(200)
    assert.match(counts!, /3 machines, 1 lost; 3 living, 1 busy, 1 idle, 1 blocked, 1 dead, 1 lost$/)
    assert.match(trouble!, /^look at {2}two \(lost 1m01s\), .*three \(1 living, 1 blocked\)/)
  })

  it('tells workers of the same slot on two machines apart', async () => {
    const fleet = source(fleetMachine('one', [{}]), fleetMachine('two', [{}]))
    await fleet.refresh()

    const keys = fleet.rows({ sort: 'machine', reverse: false }).map((row) => fleet.keyOf(row))
    assert.equal(new Set(keys).size, 2)
  })

  it('draws ten thousand workers, of which a page shows twenty', async () => {
    const workers = Array.from({ length: 100 }, () => ({}))
    const all = source(...Array.from({ length: 100 }, (_, i) => fleetMachine(`m-${i}`, workers)))
    const view = new ListView(all, { sort: 'state', interval: 1000 }, false)
    await view.refresh()

    const lines = view.lines(120, 25)
    view.onKey('end')
    const last = view.lines(120, 25)

    assert.equal(lines.length, 25)
    assert.match(lines.join('\n'), /1-\d+ of 10000/)
    assert.match(last.join('\n'), /> m-99 +99 /)
  })
})

describe('Texts of a live list', () => {
  it('are broken by the width they take, and end somewhere', () => {
    assert.deepEqual(wrap('abcdef\ngh', 4), ['abcd', 'ef', 'gh'])
    assert.deepEqual(wrap('日本語', 4), ['日本', '語'])
    assert.deepEqual(wrap('', 4), [''])
    assert.equal(wrap('x'.repeat(1 << 20), 80, 10).length, 11)
    assert.match(wrap('x'.repeat(1 << 20), 80, 10).at(-1)!, /1048576 characters/)
  })

  it('tell a rate over the last seconds, and from it the time left', () => {
    const rate = new RateWindow()
    const rates = [rate.add(0, 0), rate.add(1000, 10), rate.add(2000, 30), rate.add(30_000, 30)]

    assert.deepEqual(rates.slice(0, 3), [undefined, 10, 15])
    assert.equal(rates[3], 0)
    assert.equal(rate.add(31_000, 5), undefined)
    assert.equal(
      timeLeftMs({ total: 10, ready: 5, delayed: 0, leased: 0, done: 5, dead: 0, failed: 0, retried: 0 }, 2),
      2500,
    )
    assert.equal(
      timeLeftMs({ total: 10, ready: 5, delayed: 0, leased: 0, done: 5, dead: 0, failed: 0, retried: 0 }, 0),
      undefined,
    )
    assert.equal(
      timeLeftMs(
        { total: 10, ready: 0, delayed: 0, leased: 0, done: 9, dead: 1, failed: 1, retried: 0 },
        undefined,
      ),
      0,
    )
  })
})
