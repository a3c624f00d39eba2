// How a lost server is looked for again: soon, by one search at a time, and not by all clients at once.

import assert from 'node:assert/strict'
import type { NativeSession } from '../../../../lib/binding'
import { Dialer, pauseMs } from '../../../../lib/queue/store/zookeeper/dialer'

describe('A client that looks for its server', () => {
  it('pauses shortly at first, then ever longer up to a twentieth of its session, each time at random', () => {
    const rounds = [0, 1, 2, 3, 4, 5, 20]

    assert.deepEqual(
      rounds.map((round) => pauseMs(round, 15_000, () => 0.5)),
      [50, 100, 200, 400, 750, 750, 750],
    )
    assert.deepEqual(
      [0, 0.999].map((random) => Math.round(pauseMs(0, 15_000, () => random))),
      [25, 75],
    )
    assert.equal(
      pauseMs(20, 60_000, () => 0.5),
      1000,
      'no longer than a second',
    )
    assert.equal(
      pauseMs(0, 400, () => 0.5),
      50,
    )
  })

  it('makes one connection at a time, though one that it gave up turns out to have been answered', async () => {
    let open = 0
    let connects = 0
    const native = {
      connect() {
        connects++
        assert.equal(++open, 1, 'no other is open')
        // The first one is answered too late: see drop().
        if (connects === 2) setImmediate(() => dialer.answered())
        return 0
      },
      // What has come already is taken in first; then comes the end.
      drop() {
        open--
        dialer.answered()
        dialer.ended(0)
        void dialer.dial()
      },
    }
    const hosts = [{ host: '127.0.0.1', port: 1 }]
    const told: string[] = []
    const config = { hosts, timeoutMs: 15_000 }
    const dialer = new Dialer(native as unknown as NativeSession, config, ({ message }) => told.push(message))

    await dialer.dial()

    assert.equal(connects, 2)
    assert.equal(open, 1)
    assert.deepEqual(told, ['127.0.0.1:1: no answer within 1000 ms'], 'however long the session')
  })

  it('looks on when the server is gone again in the moment in which it has answered', async () => {
    let connects = 0
    const native = {
      connect() {
        connects++
        setImmediate(() => {
          dialer.answered()
          if (connects > 1) return
          dialer.ended(0)
          void dialer.dial()
        })
        return 0
      },
      drop() {},
    }
    const hosts = [{ host: '127.0.0.1', port: 1 }]
    const dialer = new Dialer(native as unknown as NativeSession, { hosts, timeoutMs: 400 }, () => {})

    await dialer.dial()

    assert.equal(connects, 2)
    dialer.stop()
  })
})
