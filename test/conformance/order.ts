// When an item is leased, and before which others: back-off, delay, priority, order, and queues that come after others.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { WatchdogQueue, WatchdogTimer } from '../../lib'
import { openStore } from '../../lib/queue/connect'
import { LOOK_MS } from '../../lib/queue/items/page-chooser'
import { MAX_PREFETCHED } from '../../lib/queue/worker/prefetched-claims'
import { eventually } from '../support/eventually'
import { collect, connect } from '../support/queue'
import type { QueuePlace } from './place'

/** Takes and acks all that is ready, one at a time. */
async function drain(timer: WatchdogTimer): Promise<string[]> {
  const items: string[] = []
  for await (const lease of timer.leases({ until: 'empty' })) {
    items.push(lease.item)
    await lease.ack()
  }
  return items
}

async function made(place: QueuePlace, options: Parameters<WatchdogQueue['createQueue']>[0]) {
  const url = await place.freshUrl()
  const queue = await connect(url)
  await queue.createQueue(options)
  return { url, queue, timer: await queue.createTimer('worker') }
}

export function itemOrder(place: QueuePlace): void {
  describe(`Time and order of items, on ${place.name}`, () => {
    it('leases a failed item again after its back-off, twice as long each time, and wakes by itself', async () => {
      const backoff = { delayMs: 100, jitter: 0 }
      const { queue, timer } = await made(place, { queue: ['a'], maxAttempts: 3, backoff })
      const leasedAt: number[] = []
      const nackedAt: number[] = []

      for (let lease = await timer.lease(); lease; lease = await timer.lease({ waitMs: 20_000 })) {
        leasedAt.push(performance.now())
        nackedAt.push(performance.now())
        await lease.nack(new Error('no'))
        if (leasedAt.length === 1) {
          assert.deepEqual(await queue.counts(), {
            total: 1,
            ready: 0,
            delayed: 1,
            leased: 0,
            done: 0,
            dead: 0,
            failed: 1,
            retried: 1,
          })
          assert.equal(await timer.lease(), undefined, 'not before its time')
        }
      }

      assert.equal(leasedAt.length, 3)
      assert.ok(leasedAt[1]! - nackedAt[0]! >= 99, `${leasedAt[1]! - nackedAt[0]!} ms`)
      assert.ok(leasedAt[2]! - nackedAt[1]! >= 199, `${leasedAt[2]! - nackedAt[1]!} ms`)
      assert.equal((await queue.counts()).dead, 1)
    })

    it('leases what was nacked with a delay not before, though the queue knows of no back-off', async () => {
      const { queue, timer } = await made(place, { queue: ['a'] })

      await (await timer.lease())!.nack('later', { delayMs: 3_600_000 })

      assert.equal(await timer.lease(), undefined)
      const [{ state, attempts, notBefore }] = (await collect(queue.items())) as [never]
      assert.deepEqual([state, attempts], ['delayed', 1])
      assert.ok(Math.abs(notBefore - Date.now() - 3_600_000) < 60_000)
      await assert.rejects(queue.waitDone({ timeoutMs: 1 }), { code: 'ERR_TIMEOUT' })
    })

    it('leases what was added with a delay when it is due, to a worker that waits', async () => {
      const { queue, timer } = await made(place, { sealed: false, queue: ['now'] })
      const started = performance.now()
      await queue.add(['soon'], { delayMs: 150 })
      await queue.add(['soon too'], { delayMs: 150 })
      await queue.add(['late'], { delayMs: 3_600_000 })
      const first = (await timer.lease())!
      assert.equal(first.item, 'now')
      await first.ack()

      const lease = (await timer.lease({ waitMs: 20_000 }))!
      const waited = performance.now() - started
      await lease.ack()

      assert.equal(lease.item, 'soon')
      assert.ok(waited >= 149, `${waited} ms`)
      const second = (await timer.lease({ waitMs: 20_000 }))!
      assert.equal(second.item, 'soon too')
      await second.ack()
      assert.equal((await queue.counts()).delayed, 1)
    })

    it('makes a queue whose items are delayed', async () => {
      const { queue, timer } = await made(place, { queue: ['a', 'b'], delayMs: 3_600_000, priority: 7 })

      assert.equal(await timer.lease(), undefined)
      const { total, ready, delayed } = await queue.counts()
      assert.deepEqual({ total, ready, delayed }, { total: 2, ready: 0, delayed: 2 })
      assert.equal(await queue.consume(), undefined)
    })

    it('leases the higher priority first and, of one priority, what was added first', async () => {
      const { queue, timer } = await made(place, { sealed: false, queue: ['n1', 'n2'] })
      await queue.add(['low but later'])
      await queue.add(['h1'], { priority: 9 })
      await queue.add(['top'], { priority: 255 })
      await queue.add(['h2', 'h3'], { priority: 9 })
      await queue.add(['last'])

      assert.deepEqual(await drain(timer), ['top', 'h1', 'h2', 'h3', 'n1', 'n2', 'low but later', 'last'])
    })

    /** Leases until there is `item`, as soon as it is time to look for it. Returns what came before. */
    async function othersBefore(timer: WatchdogTimer, item: string): Promise<number> {
      await delay(LOOK_MS)
      for (let others = 0; ; others++) {
        const lease = (await timer.lease())!
        if (lease.item === item) return others
        await lease.ack()
      }
    }

    it('leases a higher priority that is added meanwhile before what it has at hand', async () => {
      const items = Array.from({ length: 200 }, (_, i) => `n${i}`)
      const { url, timer } = await made(place, { sealed: false, queue: items })
      const other = await connect(url)
      for (let i = 0; i < 20; i++) await (await timer.lease())!.ack()

      await other.add(['urgent'], { priority: 1 })

      assert.ok((await othersBefore(timer, 'urgent')) <= MAX_PREFETCHED, 'before the others are done')
    })

    it('leases a higher priority that comes back before what it has at hand', async () => {
      const items = Array.from({ length: 200 }, (_, i) => `n${i}`)
      const { url, queue, timer } = await made(place, { sealed: false, queue: items })
      await queue.add(['urgent'], { priority: 1 })
      const held = (await (await (await connect(url)).createTimer('other')).lease())!
      assert.equal(held.item, 'urgent')
      for (let i = 0; i < 20; i++) await (await timer.lease())!.ack()

      await held.release()

      assert.ok((await othersBefore(timer, 'urgent')) <= MAX_PREFETCHED, 'before the others are done')
    })

    it('gives the items of a list to one worker in the order of the list, retries behind', async () => {
      const items = Array.from({ length: 400 }, (_, i) => `${i}`)
      const { timer } = await made(place, { queue: items })
      const seen: string[] = []

      await timer.run(async ({ item, attempt }) => {
        seen.push(item)
        if (item === '5' && attempt === 1) throw new Error('again')
      })

      assert.deepEqual(
        seen.filter((item, i) => seen.indexOf(item) === i),
        items,
      )
      assert.equal(seen.lastIndexOf('5'), 100, 'behind the fresh ones of its page')
    })

    describe('of a queue that comes after others', () => {
      async function chain(options: object = {}) {
        const [firstUrl, secondUrl, url] = await Promise.all([1, 2, 3].map(() => place.freshUrl()))
        const [first, second] = [await connect(firstUrl!), await connect(secondUrl!)]
        await first.createQueue({ queue: ['a'], maxAttempts: 1 })
        await second.createQueue({ queue: ['b'] })
        const queue = await connect(url!)
        await queue.createQueue({ queue: ['c'], after: [firstUrl!, secondUrl!], ...options })
        return { first, second, queue, url: url!, firstUrl: firstUrl! }
      }
      const finish = async (queue: WatchdogQueue, how: 'ack' | 'nack' = 'ack') => {
        const timer = await queue.createTimer('worker')
        await (await timer.lease())![how]()
        await timer.end()
      }

      it('leases nothing before all of them are done, and wakes those who wait then', async () => {
        const { first, second, queue } = await chain()
        const timer = await queue.createTimer('worker')
        assert.equal(await timer.lease(), undefined)
        assert.equal(await queue.consume(), undefined)
        const { ready, waiting: isWaiting } = await queue.counts()
        assert.deepEqual([ready, isWaiting], [1, 1])
        const waiting = timer.lease({ waitMs: 60_000 })
        await finish(first)
        assert.equal(await timer.lease(), undefined, 'one of two is not enough')

        await finish(second)
        const lease = (await waiting)!

        assert.equal(lease.item, 'c')
        // For good.
        await first.destroy()
        await lease.release()
        assert.equal((await queue.counts()).waiting, undefined)
        assert.equal((await timer.lease({ waitMs: 20_000 }))!.item, 'c')
      })

      it('is blocked by a dead item over there until that is done after all', async () => {
        const { first, second, queue, firstUrl } = await chain()
        await finish(second)
        await finish(first, 'nack')

        const report = await queue.waitDone({ timeoutMs: 60_000 })

        assert.deepEqual([report.ok, report.done], [false, 0])
        assert.equal(report.blocked?.length, 1)
        assert.ok(report.blocked![0]!.endsWith(firstUrl.replace(/^\w+:(\/\/[^/]*)?/, '')))
        const timer = await queue.createTimer('worker')
        assert.equal(await timer.lease(), undefined)
        const waiting = timer.lease({ waitMs: 60_000 })
        await first.redrive()
        await finish(first)
        assert.equal((await waiting)!.item, 'c')
      })

      it("runs in spite of dead items with afterDead: 'run'", async () => {
        const { first, second, queue } = await chain({ afterDead: 'run' })
        await finish(first, 'nack')
        await finish(second)

        const timer = await queue.createTimer('worker')

        assert.equal((await timer.lease({ waitMs: 60_000 }))!.item, 'c')
      })

      it('says that one of them is missing to those who wait', async () => {
        const { first, second, queue } = await chain()
        await finish(second)
        await first.destroy()
        const timer = await queue.createTimer('worker')

        await assert.rejects(timer.lease({ waitMs: 60_000 }), { code: 'ERR_NOT_FOUND' })
        await assert.rejects(queue.waitDone({ timeoutMs: 60_000 }), { code: 'ERR_NOT_FOUND' })
      })

      it('refuses a circle', async () => {
        const { firstUrl, url, first } = await chain()
        await first.destroy()

        await assert.rejects(
          first.createQueue({ queue: ['a'], after: url }),
          /to lead to no circle, got .* after /,
        )
        await assert.rejects(first.createQueue({ queue: ['a'], after: firstUrl }), /circle/)
      })
    })

    it('is the format of the version before where nothing of this is used, and a newer one from the first use on', async () => {
      const { url, queue } = await made(place, { queue: ['a', 'b'] })
      const version = async () => {
        const store = await openStore(url, {})
        const { data } = (await store.get(''))!
        await store.close()
        return JSON.parse(data.toString()).version
      }
      assert.equal(await version(), 2)
      const timer = await queue.createTimer('another')

      await (await timer.lease())!.nack('x', { delayMs: 1 })

      assert.equal(await version(), 3)
      await eventually(async () => (await queue.counts()).delayed === 0, 'it to be due')
    })
  })
}
