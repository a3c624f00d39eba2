// What a reader of a fleet is told, from what was read of the machines: pure, no store.

import assert from 'node:assert/strict'
import { FleetCursor } from '../../lib/fleet/cursor'
import { FleetModel, type KnownBoard } from '../../lib/fleet/model'
import type { Ended, Row } from '../../lib/fleet/part'
import type { MemberRecord } from '../../lib/fleet/record'

const LIFE = '0123456789abcdef'
const ID = 'fedcba9876543210'

function row(slot: number, more: Partial<Row> = {}): Row {
  return {
    ...{ slot, epoch: 1, id: `w${slot}`, pid: 1, threadId: 0, isLive: true, isBlocked: false, updates: 1 },
    ...{ startedAt: 1, updatedAt: 1, publishedAt: 1, heartbeatMs: 1000, beatAt: 1, processStart: 1 },
    ...{ pidNamespace: 1, counters: {}, status: 'here', statusCut: false, diedAt: undefined },
    ...{ ending: undefined, error: undefined },
    ...more,
  }
}

function board(rows: Row[], { boardId = 'b', ended = [] as Ended[] } = {}): KnownBoard {
  return { number: 0, boardId, dir: '/run/x', parts: new Map([[0, { revision: 1, rows, ended, size: 1 }]]) }
}

class Machine {
  readonly model = new FleetModel()
  readonly #cursor = new FleetCursor()
  #record: MemberRecord = {
    ...{
      name: 'm',
      host: 'h',
      labels: {},
      joinedAt: 1,
      phase: 'joined',
      life: LIFE,
      followMs: 100,
      retainMs: 1,
    },
    boards: [],
  }

  constructor() {
    this.connect(true)
  }

  connect(isConnected: boolean): void {
    this.model.setLives(isConnected ? new Map([[ID, new Set([LIFE])]]) : new Map())
  }

  read(boards: KnownBoard[], record: Partial<MemberRecord> = {}): void {
    this.#record = { ...this.#record, ...record }
    this.model.setReading(ID, { record: this.#record, boards, writtenAt: 1, error: undefined })
  }

  /** What is told, in short. */
  told(): string[] {
    const { machines = [], workers = [], gone = [] } = this.#cursor.advance(this.model.machines) ?? {}
    return [
      ...machines.map(({ type }) => type),
      ...gone.map(({ id, reason, ending }) => `${id} ${reason}${ending ? ` ${ending}` : ''}`),
      ...workers.map(
        ({ id, isNew, merged, blocked }) =>
          `${id}${isNew ? ' new' : ''} +${merged}${blocked ? ' blocked' : ''}`,
      ),
    ]
  }
}

describe('A reader of a fleet', () => {
  it('is told everything first, then what has moved, and nothing twice', () => {
    const machine = new Machine()
    machine.read([board([row(0), row(1)])])
    assert.deepEqual(machine.told(), ['joined', 'w0 new +1', 'w1 new +1'])
    assert.deepEqual(machine.told(), [])

    machine.read([board([row(0, { updates: 4 }), row(1, { isBlocked: true })])])

    assert.deepEqual(machine.told(), ['w0 +3', 'w1 +0 blocked'])
    assert.deepEqual(machine.told(), [])
  })

  it('is told how workers have gone: dead, replaced, or closed', () => {
    const machine = new Machine()
    machine.read([board([row(0), row(1), row(2)])])
    machine.told()

    const ended = [{ slot: 1, epoch: 1, died: true, ending: 'SIGKILL' }]
    machine.read([
      board([row(0, { isLive: false, ending: 'exited 1' }), row(1, { epoch: 2, id: 'next' })], { ended }),
    ])

    assert.deepEqual(machine.told(), ['w0 died exited 1', 'w1 died SIGKILL', 'w2 closed', 'next new +1'])
  })

  it('is told nothing of the workers of a machine that is lost, and what became of them when it is back', () => {
    const machine = new Machine()
    machine.read([board([row(0), row(1)])])
    machine.told()

    machine.connect(false)
    assert.deepEqual(machine.told(), ['lost'])
    machine.connect(true)
    machine.read([board([row(0, { updates: 2 })])])

    assert.deepEqual(machine.told(), ['joined', 'w1 closed', 'w0 +1'])
  })

  it('is told of the end of those in parts that nobody writes any more', () => {
    const machine = new Machine()
    machine.read([board([row(0)])])
    machine.told()

    machine.read([{ ...board([]), parts: new Map() }])

    assert.deepEqual(machine.told(), ['w0 closed'])
  })

  it('is told nothing of a board that cannot be read, and of another one that all on the first are gone', () => {
    const machine = new Machine()
    machine.read([board([row(0)])])
    machine.told()

    machine.read([board([], { boardId: '' })])
    assert.deepEqual(machine.told(), [])
    machine.read([board([row(0, { updates: 2 })])])
    assert.deepEqual(machine.told(), ['w0 +1'])
    machine.read([board([row(0, { id: 'other' })], { boardId: 'c' })])

    assert.deepEqual(machine.told(), ['w0 closed', 'other new +1'])
  })

  it('is told that a machine has left or is forgotten, not that its workers are gone', () => {
    const machine = new Machine()
    machine.read([board([row(0)])])
    machine.told()

    machine.read([], { phase: 'left' })
    assert.deepEqual(machine.told(), ['left'])
    machine.model.remove(ID)

    assert.deepEqual(machine.told(), ['forgotten'])
  })
})

describe('Totals of a fleet', () => {
  it('count a board that two tell of once, and gauges only where they live', () => {
    const model = new FleetModel()
    const kinds = { done: 'counter', depth: 'gauge' } as const
    const of = (boardId: string, done: number, depth: number) => ({
      ...{ dir: 'd', boardId, slots: 1, live: 1, busy: 0, blocked: 0, dead: 0, parts: [] },
      ...{ kinds, totals: { done, depth } },
    })
    const add = (id: string, boards: MemberRecord['boards']) => {
      const who = { name: id, host: 'h', labels: {}, joinedAt: 1, phase: 'joined', life: LIFE } as const
      const record = { ...who, followMs: 0, retainMs: 1, boards }
      model.setReading(id, { record, boards: [], writtenAt: 1, error: undefined })
    }
    model.setLives(new Map([['a', new Set([LIFE])]]))
    add('a', [of('x', 5, 2)])
    add('lost', [of('x', 4, 1), of('y', 7, 3)])

    assert.deepEqual(model.totals(), { done: 12, depth: 2 })
  })
})
