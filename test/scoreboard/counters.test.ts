// Counters, shared counters and totals.

import assert from 'node:assert/strict'
import { Scoreboard } from '../../lib'
import { open } from '../support/boards'
import { startReady } from '../support/child'
import { tempDir } from '../support/temp-dir'

const COUNTERS = { requests: 'counter', busy: 'gauge' } as const
for (const externalBuffers of [true, false]) {
  describe(`counters, ${externalBuffers ? 'as memory of the board' : 'through native calls only'}`, () => {
    it('are kept for each worker, and summed up', () => {
      const baseDir = tempDir()
      const a = open({ baseDir, workerId: 'a', counters: COUNTERS, externalBuffers })
      const b = open({ baseDir, workerId: 'b', externalBuffers })

      assert.equal(a.counters.add('requests'), 1)
      assert.equal(a.counters.add('requests', 2.5), 3.5)
      b.counters.add('requests', 10)
      a.counters.set('busy', 1)
      b.counters.add('busy', 3)
      b.counters.add('busy', -1)

      assert.equal(a.counters.get('requests'), 3.5)
      assert.deepEqual(a.totals(), { requests: 13.5, busy: 3 })
      assert.deepEqual(
        a.snapshot().workers.map(({ id, counters }) => [id, counters]),
        [
          ['a', { requests: 3.5, busy: 1 }],
          ['b', { requests: 10, busy: 2 }],
        ],
      )
    })

    it('outlive their worker in the totals, and start at zero for the next', () => {
      const baseDir = tempDir()
      const manager = open({ baseDir, counters: COUNTERS, slots: 1 })
      for (let round = 1; round <= 50; round++) {
        const worker = open({ baseDir, externalBuffers })
        assert.equal(worker.counters.get('requests'), 0)
        worker.counters.add('requests', 2)
        worker.counters.set('busy', 1)
        assert.deepEqual(manager.totals(), { requests: 2 * round, busy: 1 })

        worker.close()

        assert.deepEqual(manager.totals(), { requests: 2 * round, busy: 0 })
        if (round % 3 === 0) manager.cleanup()
        assert.deepEqual(manager.totals(), { requests: 2 * round, busy: 0 })
      }
    })

    it('refuse what is wrong', () => {
      const baseDir = tempDir()
      const board = open({ baseDir, counters: COUNTERS, sharedCounters: ['jobs'], externalBuffers })

      assert.throws(() => board.counters.add('requests', -1), /RangeError.*not to be negative, got -1/s)
      assert.throws(() => board.counters.set('requests', 1), RangeError)
      assert.throws(() => board.counters.add('request'), /did you mean 'requests'\?/)
      assert.throws(() => board.counters.get('zzz'), /known are requests, busy/)
      assert.throws(() => board.counters.add('requests', Number.NaN), RangeError)
      assert.throws(() => board.counters.add('requests', '1' as never), TypeError)
      assert.throws(() => board.shared.add('jobs', 0.5), RangeError)
      assert.throws(() => board.shared.add('jobs', '1' as never), TypeError)
      assert.throws(() => board.shared.get('job'), /did you mean 'jobs'\?/)
      assert.throws(() => open({ baseDir, readOnly: true }).counters, { code: 'ERR_READ_ONLY' })
      assert.throws(() => open({ baseDir, readOnly: true }).shared.add('jobs'), { code: 'ERR_READ_ONLY' })
    })

    it('are closed with their board', () => {
      const baseDir = tempDir()
      const board = open({ baseDir, counters: COUNTERS, sharedCounters: ['jobs'], externalBuffers })
      const { counters, shared } = board
      counters.add('requests')

      board.close()

      assert.throws(() => counters.add('requests'), { code: 'ERR_CLOSED' })
      assert.throws(() => shared.add('jobs'), { code: 'ERR_CLOSED' })
      assert.throws(() => board.totals(), { code: 'ERR_CLOSED' })
      assert.throws(() => board.counters, { code: 'ERR_CLOSED' })
      assert.deepEqual(open({ baseDir }).totals(), { requests: 1, busy: 0 })
    })
  })
}

describe('counters, whatever their names', () => {
  it('are told as they are called', () => {
    const counters = Object.fromEntries(
      ['__proto__', 'constructor'].map((name) => [name, 'counter' as const]),
    )
    const board = open({ baseDir: tempDir(), counters })

    for (const name of Object.keys(counters)) board.counters.add(name, 2)

    const expected = [
      ['__proto__', 2],
      ['constructor', 2],
    ]
    assert.deepEqual(Object.entries(board.totals()), expected)
    assert.deepEqual(Object.entries(board.snapshot().workers[0]!.counters), expected)
  })
})

describe('counters.view', () => {
  it('is the memory of the board itself', () => {
    const baseDir = tempDir()
    const worker = open({ baseDir, counters: COUNTERS, workerId: 'w' })
    const manager = open({ baseDir, readOnly: true })
    const { view } = worker.counters

    view[worker.counters.index('requests')]! += 7
    view[worker.counters.index('busy')] = 2

    assert.equal(view.length, 2)
    assert.equal(view.buffer.byteLength, 16) // its own counters and nothing else
    assert.deepEqual(manager.totals(), { requests: 7, busy: 2 })
    worker.counters.add('requests')
    assert.equal(view[0], 8)
  })

  it('does no harm when it outlives its board', () => {
    const baseDir = tempDir()
    const views: Float64Array[] = []
    for (let round = 0; round < 20; round++) {
      const first = new Scoreboard({ baseDir, counters: COUNTERS, slots: 1, workerId: 'first' })
      const { view } = first.counters
      const buffer = view.buffer as ArrayBuffer & { transfer?: () => ArrayBuffer }
      // Node 20 has no transfer(); there the view itself is what outlives the board.
      views.push(round % 2 === 1 && buffer.transfer ? new Float64Array(buffer.transfer()) : view)
      first.close()
      using second = new Scoreboard({ baseDir, workerId: 'second' })
      second.counters.add('requests', 5)

      for (const late of views) late[0] = 1e9

      assert.equal(second.counters.get('requests'), 5)
    }
  })

  it('is empty on a board without counters', () => {
    assert.equal(open({ baseDir: tempDir() }).counters.view.length, 0)
  })

  it('says so where it is not to be had', () => {
    const board = open({ baseDir: tempDir(), counters: COUNTERS, externalBuffers: false })

    assert.throws(() => board.counters.view, /TypeError: Cannot show counters as memory/)
  })

  it('cannot spoil the totals with what is no number', () => {
    const board = open({ baseDir: tempDir(), counters: COUNTERS })

    board.counters.view.set([Number.NaN, Number.POSITIVE_INFINITY])

    assert.deepEqual(board.totals(), { requests: 0, busy: 0 })
  })
})

describe('counters and shared counters, added to by 8 processes', () => {
  it('are exact after 1,000,000 additions by each', async () => {
    const baseDir = tempDir()
    const board = open({ baseDir, counters: { done: 'counter' }, sharedCounters: ['all'] })
    const additions = 1_000_000
    const workers = await Promise.all(
      Array.from({ length: 8 }, () => startReady('counting-worker', baseDir, String(additions))),
    )
    for (const worker of workers) worker.process.send('go')
    let before = 0
    await Promise.all(
      workers.map(async (worker) => {
        while ((await worker.message()) !== 'finished') {
          const { done } = board.totals()
          assert.ok(done! >= before, `the total fell from ${before} to ${done}`)
          before = done!
        }
      }),
    )

    assert.deepEqual(board.totals(), { done: 8 * additions })
    assert.equal(board.shared.get('all'), 8 * additions)
    for (const { counters } of board.snapshot().workers) assert.deepEqual(counters, { done: additions })
  })
})
