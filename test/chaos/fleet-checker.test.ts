// The judge of what a fleet's viewers were told is judged.

import assert from 'node:assert/strict'
import { checkFleet, LOST_AFTER_MS } from './fleet-checker'
import type { HistoryRecord, Recorded } from './history'

const told = (what: string, machine: string, worker?: string): HistoryRecord =>
  worker === undefined ? { op: 'told', what, machine } : { op: 'told', what, machine, worker }

type Timed = HistoryRecord & { t?: number }

const kept: Timed[] = [
  { op: 'up', machine: 'm' },
  { op: 'born', machine: 'm', worker: 'a' },
  { op: 'born', machine: 'm', worker: 'b' },
  { op: 'viewing' },
  told('new', 'm', 'a'),
  told('new', 'm', 'b'),
  { op: 'killing', worker: 'a' },
  told('died', 'm', 'a'),
  { op: 'down', machine: 'm', t: 100 },
  told('lost', 'm'),
  { op: 'up', machine: 'm', t: 101 + LOST_AFTER_MS },
  told('joined', 'm'),
  { op: 'view', machines: { m: ['live', 'b'] } },
]

function faults(records: readonly Timed[]): string[] {
  let now = 0
  const history = records.map((record) => {
    now = record.t ?? now + 1
    return { by: 'viewer', ...record, t: now } as Recorded
  })
  return checkFleet(history, { m: ['live', 'b'] })
}

describe('The judge of a fleet', () => {
  it('passes a history that keeps every promise', () => {
    assert.deepEqual(faults(kept), [])
  })

  const without = (lost: Timed) => kept.filter((record) => record !== lost)
  const broken: [what: string, records: Timed[], fault: RegExp][] = [
    [
      'a living worker that is said to be dead',
      [told('died', 'm', 'b'), ...kept],
      /told that b has died, which lives/,
    ],
    [
      'a death that is told before it',
      [told('closed', 'm', 'a'), ...kept],
      /told that a has closed, which lives/,
    ],
    ['a death that nobody tells', without(kept[7]!), /never told that a is gone/],
    ['a loss that nobody tells', without(kept[9]!), /never told that m is lost/],
    ['a machine that never comes back', without(kept[11]!), /never told that m is back/],
    [
      'a view that is not what is',
      [...kept.slice(0, -1), { op: 'view', machines: { m: ['live'] } }],
      /at the end/,
    ],
  ]
  for (const [what, records, fault] of broken) {
    it(`finds ${what}`, () => {
      const found = faults(records)

      assert.equal(found.length, 1, found.join())
      assert.match(found[0]!, fault)
    })
  }
})
