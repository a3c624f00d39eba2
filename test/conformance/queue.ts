// The queue as its users know it: the master's side, the worker's side, and the ancestor's scenario.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type QueueCounts, type WatchdogEvent, WatchdogQueue } from '../../lib'
import { openStore } from '../../lib/queue/connect'
import { eventually } from '../support/eventually'
import { collect, connect } from '../support/queue'
import type { QueuePlace } from './place'

/** How often the states of all pages were written, the first time not counted. */
async function writes(url: string): Promise<number> {
  const store = await openStore(url, {})
  try {
    const states = `${(await store.list(''))!.find((name) => !name.startsWith('creating-'))}/states`
    const nodes = (await store.list(states))!.map((name) => store.get(`${states}/${name}`))
    return (await Promise.all(nodes)).reduce((sum, node) => sum + node!.version, 0)
  } finally {
    await store.close()
  }
}

export function queueUse(place: QueuePlace): void {
  describe(`A watchdog queue, on ${place.name}`, () => {
    it("plays the ancestor's scenario, line by line", async () => {
      const url = await place.freshUrl()
      const master = await connect(url)
      const client = await connect(url)

      await master.createQueue({ timerMs: 60_000, queue: ['item1', 'item2'], syncStart: true })
      assert.equal(await master.queueCount(), 2)
      assert.equal(typeof (await client.consume()), 'string')
      assert.equal(await master.queueCount(), 1)

      const started = performance.now()
      assert.equal(await master.waitSync({ timeoutMs: 2000 }), false)
      const waited = performance.now() - started
      assert.ok(waited >= 1990 && waited < 60_000, `waited ${waited} ms`)

      await client.attachQueue()
      await client.createTimer('process_identifier')
      const { alive, expired } = await master.checkTimers()
      assert.deepEqual({ alive, expired }, { alive: 1, expired: 0 })
      assert.equal(await client.kickDog(), true)
      assert.equal(await master.waitSync({ timeoutMs: 60_000 }), true)
      assert.deepEqual(await master.getTimers({ expiredOnly: true }), [])
      assert.equal(typeof (await client.consume()), 'string')
      assert.equal(await client.consume(), undefined)
    })

    it('leases, acks, and is done', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['a', 'b', 'c'] })
      const timer = await queue.createTimer('worker')

      const acked: string[] = []
      for await (const lease of timer.leases()) {
        assert.deepEqual([lease.attempt, lease.fence > 0n], [1, true])
        await lease.ack()
        acked.push(lease.item)
      }
      await timer.end({ status: 'done', code: 0 })

      assert.deepEqual(acked.sort(), ['a', 'b', 'c'])
      assert.deepEqual(await queue.counts(), {
        total: 3,
        ready: 0,
        delayed: 0,
        leased: 0,
        done: 3,
        dead: 0,
        failed: 0,
        retried: 0,
      })
      const report = await queue.waitDone({ workers: true, timeoutMs: 10_000 })
      assert.deepEqual(
        [report.ok, report.workers.map(({ id, state, code }) => [id, state, code])],
        [true, [['worker', 'finished', 0]]],
      )
    })

    it('needs little more than a write an item where each ack is followed by lease()', async () => {
      const url = await place.freshUrl()
      const queue = await connect(url)
      const items = Array.from({ length: 60 }, (_, i) => `item ${i}`)
      await queue.createQueue({ queue: items })
      const timer = await queue.createTimer('worker')
      const acked: string[] = []

      for (let lease = await timer.lease(); lease !== undefined; lease = await timer.lease()) {
        acked.push(lease.item)
        await lease.ack()
      }

      assert.deepEqual(acked, items)
      // Two writes an item until the worker is known, and again at the end.
      assert.ok((await writes(url)) <= items.length + 10, `${await writes(url)} writes`)
    })

    it('gives back what was leased with an ack when nobody asks for it', async () => {
      const queue = await connect(await place.freshUrl())
      const items = Array.from({ length: 20 }, (_, i) => `item ${i}`)
      await queue.createQueue({ queue: items })
      const first = await queue.createTimer('first')
      const acked: string[] = []
      const attempts = new Set<number>()
      for (let i = 0; i < 8; i++) {
        const lease = await first.lease()
        await lease!.ack()
        acked.push(lease!.item)
      }

      const second = await queue.createTimer('second')
      for await (const lease of second.leases()) {
        attempts.add(lease.attempt)
        acked.push(lease.item)
        await lease.ack()
      }

      assert.deepEqual(acked.sort(), items.sort())
      assert.deepEqual([...attempts], [1])
      assert.equal((await queue.counts()).done, items.length)
    })

    it('makes a poison item a dead letter after exactly maxAttempts nacks, and redrives it', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['good', 'poison'], maxAttempts: 4 })
      const timer = await queue.createTimer('worker')
      const attempts: number[] = []
      let id = ''

      await timer.run(async (lease) => {
        if (lease.item === 'good') return
        attempts.push(lease.attempt)
        id = lease.id
        throw new Error(`attempt ${lease.attempt}`)
      })

      assert.deepEqual(attempts, [1, 2, 3, 4])
      const [letter, ...others] = await collect(queue.deadLetters())
      assert.match(letter!.error!.stack!, /^Error: attempt 4\n {4}at /)
      delete letter!.error!.stack
      const error = { message: 'attempt 4', name: 'Error' }
      assert.deepEqual([letter, ...others], [{ id, item: 'poison', attempts: 4, error, worker: 'worker' }])
      assert.equal((await queue.waitDone()).ok, false)
      const attemptsOf = ({ failed, retried }: QueueCounts) => ({ failed, retried })
      assert.deepEqual(attemptsOf(await queue.counts()), { failed: 4, retried: 3 })
      assert.equal(await queue.redrive(), 1)
      const lease = await timer.lease({ waitMs: 5000 })
      assert.deepEqual([lease!.id, lease!.attempt], [id, 1])
      await lease!.ack()
      assert.deepEqual(await collect(queue.deadLetters()), [])
      assert.equal((await queue.waitDone({ timeoutMs: 10_000 })).ok, true)
      assert.deepEqual(attemptsOf(await queue.counts()), { failed: 4, retried: 4 })
    })

    it('gives back what is released, or disposed of unsettled, without counting the attempt', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['a'] })
      const timer = await queue.createTimer('worker')

      await (await timer.lease())!.release()
      {
        await using lease = (await timer.lease({ waitMs: 5000 }))!
        assert.equal(lease.attempt, 1)
      }
      const last = (await timer.lease({ waitMs: 5000 }))!

      assert.equal(last.attempt, 1)
      await last.ack()
      await assert.rejects(last.ack(), { code: 'ERR_CLOSED' })
      assert.equal(await timer.lease({ waitMs: 1000 }), undefined)
    })

    it('gives back at once what is still leased at the end of a timer or of a loop over leases()', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: Array.from({ length: 120 }, (_, i) => `item ${i}`) })
      const timer = await queue.createTimer('worker')
      let acked = 0

      for await (const lease of timer.leases()) {
        await lease.ack()
        if (++acked === 40) break
      }
      const afterLoop = await queue.counts()
      for (let i = 0; i < 3; i++) await timer.lease()
      await timer.end()
      const afterEnd = await queue.counts()

      assert.deepEqual([afterLoop.leased, afterLoop.ready], [0, 80])
      assert.deepEqual([afterEnd.leased, afterEnd.ready], [0, 80])
      const attempts = new Set<number>()
      await (await queue.createTimer('another')).run(async ({ attempt }) => attempts.add(attempt))
      assert.deepEqual([...attempts], [1])
    })

    it('has ended every handler, and has every ack on record, when run() resolves', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['a', 'b', 'c'], sealed: false })
      const ended: string[] = []

      const timer = await queue.createTimer('worker')
      const slow = async ({ item }: { item: string }) => {
        await delay(30)
        ended.push(item)
      }
      await timer.run(slow, { concurrency: 5, until: 'empty' })

      assert.deepEqual(ended.sort(), ['a', 'b', 'c'])
      assert.equal((await queue.counts()).done, 3)
    })

    it('wakes a waiting worker when something comes back, and ends its wait when all is done', async () => {
      const url = await place.freshUrl()
      const [one, two] = [await connect(url), await connect(url)]
      await one.createQueue({ queue: ['a'] })
      const holder = await one.createTimer('holder')
      const waiter = await two.createTimer('waiter')
      const held = (await holder.lease())!

      const waiting = waiter.lease({ waitMs: 30_000 })
      await held.nack('not today')
      const lease = (await waiting)!
      assert.deepEqual([lease.item, lease.attempt], ['a', 2])
      const ending = holder.lease({ waitMs: 30_000 })
      await lease.ack()

      assert.equal(await ending, undefined)
    })

    it('takes more items until it is sealed', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['a'], sealed: false })
      const timer = await queue.createTimer('worker')
      const working = (async () => {
        const items: string[] = []
        for await (const lease of timer.leases()) {
          items.push(lease.item)
          await lease.ack()
        }
        return items
      })()

      await queue.add(['b', 'c'])
      await eventually(async () => (await queue.counts()).done === 3, 'the added items to be done')
      await assert.rejects(queue.waitDone({ timeoutMs: 50 }), { code: 'ERR_TIMEOUT' })
      await queue.seal()

      assert.deepEqual((await working).sort(), ['a', 'b', 'c'])
      assert.equal((await queue.waitDone({ timeoutMs: 10_000 })).done, 3)
      await assert.rejects(queue.add(['d']), { code: 'ERR_SEALED' })
    })

    it('tells its life to each subscriber, each end once, and "done" first to a late subscriber', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['good', 'bad'], maxAttempts: 1 })
      const until = async (type: string) => {
        const seen: WatchdogEvent[] = []
        for await (const event of queue.events()) {
          seen.push(event)
          if (event.type === type) break
        }
        return seen.map((event) => `${event.type} ${event.timer ?? event.item ?? ''}`.trim())
      }
      const early = until('finished')

      const timer = await queue.createTimer('w')
      const dead: string[] = []
      await timer.run(async (lease) => {
        if (lease.item !== 'bad') return
        dead.push(lease.id)
        throw new Error('bad')
      })
      await eventually(async () => (await until('done')).length > 0, 'done')
      await timer.end()

      const seen = await early
      for (const event of ['started w', 'finished w', `dead ${dead[0]}`, 'done']) {
        assert.equal(seen.filter((one) => one === event).length, 1, `${event} once in ${seen}`)
      }
      assert.equal((await until('finished'))[0], 'done')
    })

    it('rejects with the reason of an abort', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['a'], syncStart: true })
      const reason = new Error('enough')
      const aborted = AbortSignal.abort(reason)
      const later = () => {
        const controller = new AbortController()
        setImmediate(() => controller.abort(reason))
        return controller.signal
      }
      const is = (error: unknown) => error === reason

      await assert.rejects(queue.waitDone({ signal: later() }), is)
      await assert.rejects(queue.waitSync({ signal: later() }), is)
      await assert.rejects(queue.waitStarted({ count: 9, signal: later() }), is)
      await assert.rejects(collect(queue.events({ signal: later() })), is)
      await assert.rejects(queue.waitDone({ signal: aborted }), is)
      const timer = await queue.createTimer('worker')
      const lease = (await timer.lease())!
      await assert.rejects(timer.lease({ waitMs: 10_000, signal: later() }), is)
      await assert.rejects(collect(timer.leases({ signal: later() })), is)
      await lease.ack()
      await assert.rejects(WatchdogQueue.connect(await place.freshUrl(), { signal: aborted }), is)
    })

    it('ends pending waits with ERR_CLOSED when it is destroyed, and the handle can be used again', async () => {
      const url = await place.freshUrl()
      const [master, worker] = [await connect(url), await connect(url)]
      await master.createQueue({ queue: ['a', 'b'], syncStart: true })
      const timer = await worker.createTimer('worker')
      const lease = (await timer.lease())!
      const second = (await timer.lease())!
      const waits = [worker.waitDone(), timer.lease({ waitMs: 60_000 }), collect(worker.events())]
      const outcomes = Promise.allSettled(waits)

      await master.destroy()

      for (const outcome of await outcomes) {
        assert.equal(outcome.status, 'rejected')
        assert.ok(['ERR_CLOSED', 'ERR_NOT_FOUND'].includes((outcome as PromiseRejectedResult).reason.code))
      }
      await assert.rejects(lease.ack(), { code: 'ERR_CLOSED' })
      await assert.rejects(second.ack(), { code: 'ERR_CLOSED' })
      await assert.rejects(master.queueCount(), { code: 'ERR_NOT_FOUND' })
      await master.createQueue({ queue: ['c'] })
      assert.equal(await master.queueCount(), 1)
    })

    it('says no such queue at once, or waits for one to appear', async () => {
      const url = await place.freshUrl()
      const [early, master] = [await connect(url), await connect(url)]
      await assert.rejects(early.attachQueue(), { code: 'ERR_NOT_FOUND' })
      await assert.rejects(early.attachQueue({ timeoutMs: 100 }), { code: 'ERR_NOT_FOUND' })
      await assert.rejects(early.kickDog(), { code: 'ERR_NOT_FOUND' })

      const attaching = early.attachQueue({ timeoutMs: 30_000 })
      await master.createQueue({ queue: ['a'] })
      await attaching

      assert.equal(await early.consume(), 'a')
    })
  })
}
