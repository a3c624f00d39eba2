// Which workers are alive, hang or have died: five answers, by evidence that no clock can fake.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../support/eventually'
import { Hand } from '../support/hand'
import { collect, connect } from '../support/queue'
import type { QueuePlace } from './place'

export function timerVerdicts(place: QueuePlace): void {
  describe(`The watchdog, on ${place.name}`, () => {
    it('has five different answers for five expected workers', async () => {
      const url = await place.freshUrl()
      const master = await connect(url)
      const ids = ['finished', 'failed', 'killed', 'hung', 'never']
      await master.createQueue({ queue: ['a'], timerMs: 600, expect: ids })
      const hands = await Promise.all(ids.slice(0, 4).map(() => Hand.on(url)))
      for (const [i, hand] of hands.entries()) await hand.do('queue', 'createTimer', ids[i])
      const [finished, failed, killed] = hands as [Hand, Hand, Hand, Hand]
      await finished.do('timer', 'lease')
      await finished.do('lease', 'ack')
      await finished.do('timer', 'end')
      await failed.do('timer', 'end', { status: 'failed', code: 3 })
      await killed.child.killed()

      const report = await master.waitDone({ workers: true, timeoutMs: 30_000 })

      const states = Object.fromEntries(report.workers.map(({ id, state }) => [id, state]))
      assert.deepEqual(states, {
        finished: 'finished',
        failed: 'failed',
        killed: 'died',
        hung: 'expired',
        never: 'never-started',
      })
      assert.equal(report.ok, false)
      assert.equal(report.workers.find(({ id }) => id === 'failed')!.code, 3)
      assert.deepEqual(await (await connect(url)).checkTimers(), {
        alive: 1,
        expired: 1,
        finished: 1,
        failed: 1,
        died: 1,
        neverStarted: 1,
      })
    })

    it('waits for expected workers where they are the pieces, and reports the missing ones', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ expect: 2 })
      await (await queue.createTimer('a')).end()

      await assert.rejects(
        queue.waitDone({ workers: true, timeoutMs: 300 }),
        (error: Error & { report?: { workers: { state: string }[] } }) => {
          assert.deepEqual(
            error.report!.workers.map(({ state }) => state),
            ['finished', 'never-started'],
          )
          return true
        },
      )
      await (await queue.createTimer('b')).end()

      assert.equal((await queue.waitDone({ workers: true, timeoutMs: 10_000 })).ok, true)
    })

    it('counts a second worker of the same id that finishes for the first, which died', async () => {
      const url = await place.freshUrl()
      const master = await connect(url)
      await master.createQueue({ expect: ['x'] })
      const first = await Hand.on(url)
      await first.do('queue', 'createTimer', 'x')
      await first.child.killed()
      await eventually(async () => (await master.checkTimers()).died === 1, 'the death')

      await (await master.createTimer('x')).end()

      const report = await master.waitDone({ workers: true, timeoutMs: 10_000 })
      assert.deepEqual([report.ok, report.workers.map(({ state }) => state)], [true, ['died', 'finished']])
    })

    it("requeues a silent worker's lease once, where that was asked for, and tells it so", async () => {
      const url = await place.freshUrl()
      const master = await connect(url)
      await master.createQueue({ queue: ['a'], timerMs: 500, onExpire: 'requeue' })
      const silent = await Hand.on(url)
      await silent.do('queue', 'createTimer', 'silent')
      assert.equal((await silent.do<{ attempt: number }>('timer', 'lease')).attempt, 1)

      const other = await master.createTimer('other')
      const lease = (await other.lease({ waitMs: 30_000 }))!

      assert.deepEqual([lease.item, lease.attempt], ['a', 2])
      await eventually(() => silent.do<boolean>('timer', 'aborted'), 'the signal of the timer')
      assert.equal(await silent.do('lease', 'aborted'), true)
      assert.equal(await silent.do('timer', 'kick'), false)
      await assert.rejects(silent.do('lease', 'ack'), { code: 'ERR_LEASE_LOST' })
      await lease.ack()
      const report = await master.waitDone({ timeoutMs: 10_000 })
      assert.deepEqual([report.done, report.workers.find(({ id }) => id === 'silent')!.state], [1, 'expired'])
    })

    it('only reports a silent worker by default', async () => {
      const url = await place.freshUrl()
      const [master, worker] = [await connect(url), await connect(url)]
      await master.createQueue({ queue: ['a'], timerMs: 300 })
      const silent = await worker.createTimer('silent')
      const lease = (await silent.lease())!
      const other = await master.createTimer('other')

      const waiting = other.lease({ waitMs: 1500 })
      await eventually(async () => (await master.checkTimers()).expired === 1, 'the expiry')

      assert.equal(await waiting, undefined)
      assert.equal(silent.signal.aborted, false)
      assert.deepEqual(
        (await master.getTimers({ expiredOnly: true })).map(({ id }) => id),
        ['silent'],
      )
      assert.equal(await silent.kick({ step: 2 }), true)
      const found = await eventually(async () => {
        const timers = await master.getTimers()
        return timers[0]!.state === 'alive' && timers[0]!.progress !== undefined ? timers : undefined
      }, 'the kick')
      assert.deepEqual(found![0]!.progress, { step: 2 })
      await lease.ack()
    })

    it('takes none for expired after the manager was stopped for three timers while workers kicked', async () => {
      const url = await place.freshUrl()
      const timerMs = 700
      const worker = await connect(url)
      await worker.createQueue({ queue: ['a'], timerMs, onExpire: 'requeue' })
      const timer = await worker.createTimer('worker')
      const lease = (await timer.lease())!
      // From now on: its own process would find it silent while the other one starts.
      const kicking = setInterval(() => void timer.kick().catch(() => {}), timerMs / 10)
      try {
        const manager = await Hand.on(url, { sessionTimeoutMs: 20_000 })
        assert.equal((await manager.do<{ alive: number }>('queue', 'checkTimers')).alive, 1)
        // The manager samples while it waits; its answer comes only when the wait runs out.
        const waiting = manager.do('queue', 'waitDone', { timeoutMs: 5 * timerMs })
        await delay(timerMs / 2)
        manager.child.signal('SIGSTOP')
        await delay(3 * timerMs)
        manager.child.signal('SIGCONT')
        await assert.rejects(waiting, { code: 'ERR_TIMEOUT' })

        assert.deepEqual(await manager.do('queue', 'checkTimers'), {
          alive: 1,
          expired: 0,
          finished: 0,
          failed: 0,
          died: 0,
          neverStarted: 0,
        })
        assert.equal(timer.signal.aborted, false)
        await lease.ack()
      } finally {
        clearInterval(kicking)
      }
    })

    it('clears timers and nothing else', async () => {
      const url = await place.freshUrl()
      const [master, worker] = [await connect(url), await connect(url)]
      await master.createQueue({ queue: ['a', 'b'] })
      const timer = await worker.createTimer('worker')
      await timer.lease()

      await master.clearTimers()

      await eventually(() => timer.signal.aborted, 'the signal')
      assert.equal(await timer.kick(), false)
      await assert.rejects(timer.lease(), { code: 'ERR_NOT_FOUND' })
      assert.deepEqual(await master.getTimers(), [])
      const other = await master.createTimer('other')
      const items: string[] = []
      await other.run(async (lease) => items.push(lease.item))
      assert.deepEqual(items.sort(), ['a', 'b'])
    })

    it('makes one dead letter of an item that kills its worker, among 40 innocent ones leased in batches', async function () {
      this.timeout(120_000)
      const url = await place.freshUrl()
      const master = await connect(url)
      const items = Array.from({ length: 41 }, (_, i) => (i === 20 ? 'killer' : `item ${i}`))
      await master.createQueue({ queue: items, maxAttempts: 2, timerMs: 2000 })
      const hands = new Set<Hand>()
      const work = async () => {
        for (;;) {
          const hand = await Hand.on(url, { sessionTimeoutMs: 500 })
          hands.add(hand)
          await hand.do('queue', 'createTimer', 'worker')
          const killed = await hand.do<boolean>('timer', 'runUntilKiller').catch(() => true)
          if (!killed) return
        }
      }

      await work()

      const report = await master.waitDone({ timeoutMs: 60_000 })
      assert.deepEqual({ done: report.done, dead: report.dead }, { done: 40, dead: 1 })
      const [letter] = await collect(master.deadLetters())
      assert.deepEqual([letter!.item, letter!.attempts, letter!.worker], ['killer', 2, 'worker'])
      assert.ok(hands.size >= 3, 'one death with a batch, two singly')
    })

    it('does not let one slow worker hoard the tail', async function () {
      this.timeout(60_000)
      const url = await place.freshUrl()
      const slowMs = 5000
      const master = await connect(url)
      await master.createQueue({ queue: Array.from({ length: 20 }, (_, i) => `item ${i}`) })
      const worker = async (name: string, itemMs: number) => {
        const timer = await (await connect(url)).createTimer(name)
        let count = 0
        await timer.run(async () => {
          count++
          await delay(itemMs)
        })
        return count
      }

      const done = master.waitDone({ timeoutMs: 30_000 })
      const [slow, ...fast] = await Promise.all([
        worker('slow', slowMs),
        worker('a', 10),
        worker('b', 10),
        worker('c', 10),
      ])

      assert.ok(slow! <= 2, `the slow one had ${slow}`)
      assert.equal(slow! + fast.reduce((total, count) => total + count, 0), 20)
      assert.equal((await done).done, 20)
    })

    it('is done exactly once when eight workers finish together', async () => {
      const url = await place.freshUrl()
      const master = await connect(url)
      await master.createQueue({ queue: Array.from({ length: 8 }, (_, i) => `item ${i}`) })
      const dones: string[] = []
      const abort = new AbortController()
      const watching = collect(
        (async function* () {
          for await (const event of master.events({ signal: abort.signal }))
            if (event.type === 'done') yield dones.push('done')
        })(),
      ).catch(() => {})
      const timers = await Promise.all(
        Array.from({ length: 8 }, async (_, i) => (await connect(url)).createTimer(`w${i}`)),
      )
      const leases = await Promise.all(timers.map((timer) => timer.lease()))

      await Promise.all(leases.map((lease) => lease!.ack()))
      await eventually(() => dones.length > 0, 'done')
      await delay(300)

      assert.deepEqual(dones, ['done'])
      abort.abort()
      await watching
    })
  })
}
