// What is kept of items and for how long: results, limits of time, names, retention; and how a worker stops.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { openStore } from '../../lib/queue/connect'
import { eventually } from '../support/eventually'
import { collect, connect } from '../support/queue'
import type { QueuePlace } from './place'

/** Names of what a queue has on record, by where. */
async function nodes(url: string, folders: readonly string[]): Promise<Record<string, number>> {
  const store = await openStore(url, {})
  try {
    const { capability } = JSON.parse((await store.get(''))!.data.toString())
    const counts: Record<string, number> = {}
    for (const name of folders) counts[name] = (await store.list(`${capability}/${name}`))?.length ?? 0
    return counts
  } finally {
    await store.close()
  }
}

export function itemLife(place: QueuePlace): void {
  describe(`What is kept of items, on ${place.name}`, () => {
    it('is the result of each item that is done: what the handler of run() returns', async () => {
      const queue = await connect<unknown>(await place.freshUrl())
      await queue.createQueue({ queue: ['a', 'b', 'none', 'circle', 'dead'], results: true, maxAttempts: 2 })
      const timer = await queue.createTimer('worker')

      await timer.run(async ({ item, attempt }) => {
        if (item === 'dead') throw new Error('dead')
        if (item === 'none') return undefined
        if (item !== 'circle' || attempt > 1) return { of: item }
        const circle: { self?: unknown } = {}
        circle.self = circle
        return circle
      })

      const results = await collect(queue.results())
      assert.deepEqual(
        results.map(({ item, result, attempts, worker }) => [item, result, attempts, worker]),
        [
          ['a', { of: 'a' }, 1, 'worker'],
          ['b', { of: 'b' }, 1, 'worker'],
          ['none', undefined, 1, 'worker'],
          ['circle', { of: 'circle' }, 2, 'worker'],
        ],
      )
    })

    it('is the result of the worker that was last to have an item, not of one that was overtaken', async () => {
      const url = await place.freshUrl()
      const [queue, other] = [await connect(url), await connect(url)]
      await queue.createQueue({ queue: ['a'], results: true })
      const slow = await queue.createTimer('slow')
      const held = (await slow.lease())!
      await other.clearTimers()
      const fast = await other.createTimer('fast')
      const lease = (await fast.lease({ waitMs: 20_000 }))!
      await assert.rejects(held.ack('of the slow one'), { code: 'ERR_LEASE_LOST' })

      await lease.ack('of the fast one')

      const results = await collect(other.results())
      assert.deepEqual(
        results.map(({ result, worker }) => [result, worker]),
        [['of the fast one', 'fast']],
      )
    })

    it('refuses a result that is too large, or where the queue keeps none, and leaves the lease as it is', async () => {
      const keeping = await connect(await place.freshUrl())
      const other = await connect(await place.freshUrl())
      await keeping.createQueue({ queue: ['a'], results: true })
      await other.createQueue({ queue: ['a'] })
      const kept = (await (await keeping.createTimer('w')).lease())!
      const lease = (await (await other.createTimer('w')).lease())!

      await assert.rejects(kept.ack('x'.repeat(65_537)), { code: 'ERR_TOO_LARGE' })
      await assert.rejects(lease.ack('x'), /keeps none/)
      await assert.rejects(collect(other.results()), { code: 'ERR_UNSUPPORTED' })

      await kept.ack('x'.repeat(65_000))
      await lease.ack()
    })

    it('refuses a nack that says nonsense, and the item is still leased', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['a'], maxAttempts: 1 })
      const timer = await queue.createTimer('worker')
      const lease = (await timer.lease())!
      const nonsense: [options: unknown, says: RegExp][] = [
        [{ delayMs: -1 }, /^RangeError: .*'delayMs'/],
        [{ delayMs: 2 ** 53 }, /^RangeError: .*'delayMs'/],
        [{ delayMs: '1s' }, /^TypeError: .*'delayMs'/],
        [
          { delay: 5 },
          /^TypeError: Unknown option 'delay' in the options of nack\(\); did you mean 'delayMs'/,
        ],
      ]

      for (const [options, says] of nonsense) {
        await assert.rejects(async () => lease.nack('x', options as never), says)
      }
      await lease.ack()

      assert.deepEqual(await queue.counts(), { ...(await queue.counts()), done: 1, dead: 0 })
    })

    it('lists items by where they are, and changes nothing by that', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['done', 'dead', 'leased', 'late', 'ready'], maxAttempts: 2 })
      const timer = await queue.createTimer('worker')
      await (await timer.lease())!.ack()
      for (let i = 0; i < 2; i++) {
        // The retry comes behind the fresh ones, so they are taken first.
        const all = [await timer.lease(), await timer.lease(), await timer.lease(), await timer.lease()]
        for (const lease of all) await (lease?.item === 'dead' ? lease.nack('no') : lease?.release())
      }
      const late = (await timer.lease())!
      assert.equal(late.item, 'leased')
      const second = (await timer.lease())!
      await second.nack('later', { delayMs: 3_600_000 })

      const seen = await collect(queue.items())

      assert.deepEqual(
        seen.map(({ item, state, attempts, worker }) => [item, state, attempts, worker]),
        [
          ['done', 'done', undefined, undefined],
          ['dead', 'dead', 2, undefined],
          ['leased', 'leased', 0, 'worker'],
          ['late', 'delayed', 1, undefined],
          ['ready', 'ready', 0, undefined],
        ],
      )
      assert.deepEqual(
        (await collect(queue.items({ state: 'ready' }))).map(({ item }) => item),
        ['ready'],
      )
      assert.equal((await collect(queue.items({ limit: 2 }))).length, 2)
      await late.ack()
    })

    it('aborts an attempt that takes too long, and counts it as failed', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['slow', 'deaf', 'good'], maxAttempts: 1 })
      const timer = await queue.createTimer('worker')
      const reasons: unknown[] = []

      await timer.run(
        async ({ item, signal }) => {
          if (item === 'good') return
          signal.addEventListener('abort', () => reasons.push(signal.reason.name))
          if (item === 'deaf') await delay(60_000, undefined, { ref: false })
          else await delay(60_000, undefined, { signal })
        },
        { timeoutMs: 60, concurrency: 3 },
      )

      assert.deepEqual(reasons, ['TimeoutError', 'TimeoutError'])
      const letters = await collect(queue.deadLetters())
      assert.deepEqual(
        letters.map(({ item, error }) => [item, error?.name]),
        [
          ['slow', 'TimeoutError'],
          ['deaf', 'TimeoutError'],
        ],
      )
      assert.equal((await queue.counts()).done, 1)
    })

    it('drains: what runs may end, what is not begun goes back, and run() resolves', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: Array.from({ length: 50 }, (_, i) => `${i}`) })
      const timer = await queue.createTimer('worker')
      const stop = new AbortController()
      const ended: string[] = []

      await timer.run(
        async ({ item }) => {
          if (ended.length === 20) {
            stop.abort()
            await delay(100)
          }
          ended.push(item)
        },
        { signal: stop.signal, drainMs: 30_000 },
      )

      assert.equal(ended.length, 21)
      assert.deepEqual(await queue.counts(), {
        total: 50,
        ready: 29,
        delayed: 0,
        leased: 0,
        done: 21,
        dead: 0,
        failed: 0,
        retried: 0,
      })
    })

    it('drains no longer than it was told: then it aborts what runs and gives it back, uncounted', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['a', 'b'] })
      const timer = await queue.createTimer('worker')
      const stop = new AbortController()
      const aborted: boolean[] = []

      await timer.run(
        async ({ signal }) => {
          stop.abort()
          await delay(60_000, undefined, { signal }).catch(() => aborted.push(signal.aborted))
          throw new Error('too late to count')
        },
        { signal: stop.signal, drainMs: 50 },
      )

      assert.deepEqual(aborted, [true])
      assert.deepEqual((await queue.counts()).ready, 2)
      const again = (await timer.lease())!
      assert.equal(again.attempt, 1)
      await again.ack()
    })

    it('adds an item whose name is known no second time, also long after it was done', async () => {
      const url = await place.freshUrl()
      const queues = await Promise.all(Array.from({ length: 3 }, () => connect(url)))
      const [queue] = queues as [(typeof queues)[0]]
      await queue.createQueue({ sealed: false })
      const id = (item: string) => item.split(' ')[0]!

      const added = await Promise.all(
        queues.map((handle, i) =>
          handle.add(
            ['a', 'b', 'c', 'a'].map((name) => `${name} of ${i}`),
            { id },
          ),
        ),
      )
      const timer = await queue.createTimer('worker')
      const seen: string[] = []
      await timer.run(async ({ item }) => seen.push(id(item)), { until: 'empty' })
      await eventually(async () => (await nodes(url, ['states'])).states === 0, 'what is done to go')

      assert.equal(added.flat().length, 3)
      assert.deepEqual(seen.sort(), ['a', 'b', 'c'])
      assert.deepEqual(await queues[1]!.add(['b again', 'd'], { id }), [
        (await collect(queue.items())).find(({ item }) => item === 'd')!.id,
      ])
      assert.equal((await queue.counts()).total, 4)
    })

    it('is in an unsealed queue only how many were done: pages and workers of the past go', async () => {
      const url = await place.freshUrl()
      const queue = await connect(url)
      await queue.createQueue({ sealed: false, maxAttempts: 1, keepMembersMs: 0, timerMs: 200 })
      const timer = await queue.createTimer('worker')
      let worked = 0
      const working = timer.run(async ({ item }) => {
        worked++
        if (item === 'bad') throw new Error('bad')
      })

      for (let i = 0; i < 30; i++) {
        await queue.add([i === 7 ? 'bad' : `item ${i}`])
        if (i % 10 === 0) await eventually(() => worked > i, 'it to be worked on')
      }
      await eventually(async () => (await queue.counts()).done === 29, 'all but one to be done')
      await eventually(async () => (await nodes(url, ['states'])).states === 1, 'what is done to go')
      const short = await queue.createTimer('short')
      await short.end()
      await eventually(
        async () => (await nodes(url, ['members'])).members === 1,
        'the one that has ended to go',
      )

      assert.deepEqual(await queue.counts(), {
        total: 30,
        ready: 0,
        delayed: 0,
        leased: 0,
        done: 29,
        dead: 1,
        failed: 1,
        retried: 0,
      })
      assert.deepEqual(await nodes(url, ['pages', 'open']), { pages: 1, open: 1 })
      await queue.redrive()
      await eventually(
        async () => (await queue.counts()).dead === 1 && worked === 31,
        'the bad one to fail again',
      )
      await queue.seal()
      await working
      const { done, dead } = await queue.waitDone({ timeoutMs: 10_000 })
      assert.deepEqual({ done, dead }, { done: 29, dead: 1 })
    })

    for (const keepDone of ['counts', 'all'] as const)
      it(`grows a page by items that are added one at a time, and gives their ids, where it keeps ${keepDone}`, async () => {
        const url = await place.freshUrl()
        const queue = await connect(url)
        await queue.createQueue({ sealed: false, keepDone })
        const ids: string[] = []
        for (let i = 0; i < 20; i++) ids.push(...(await queue.add([`item ${i}`])))
        ids.push(
          ...(await Promise.all(Array.from({ length: 20 }, (_, i) => queue.add([`more ${i}`])))).flat(),
        )

        const seen = await collect(queue.items())

        assert.deepEqual(
          seen.map(({ id }) => id),
          ids,
        )
        assert.equal(seen[39]!.item, 'more 19')
        assert.equal((await nodes(url, ['states'])).states, 1)
        const timer = await queue.createTimer('worker')
        for (let i = 0; i < 40; i++) await (await timer.lease())!.ack()
        await queue.add(['a new page'])
        assert.equal((await timer.lease())!.item, 'a new page')
      })

    it('tells which items came back, which are done where that is asked for, and how far a worker is', async () => {
      const url = await place.freshUrl()
      const [queue, observer] = [await connect(url), await connect(url)]
      await queue.createQueue({ queue: ['a', 'b'], timerMs: 400, backoff: { delayMs: 300 } })
      const seen: string[] = []
      const watching = (async () => {
        for await (const { type, item, progress } of observer.events({ items: true })) {
          seen.push([type, item ?? progress].filter((part) => part !== undefined).join(' '))
          if (type === 'done' && item === undefined) return
        }
      })()
      const timer = await queue.createTimer('worker')
      await eventually(() => seen.includes('started'), 'the observer to be there')
      await eventually(async () => (await timer.kick('half')) && seen.includes('kicked half'), 'the kick')
      const first = (await timer.lease())!
      await first.nack('no')
      await eventually(() => seen.includes(`requeued ${first.id}`), 'the item that came back')

      await timer.run(async () => {})
      await watching

      assert.deepEqual(seen.filter((line) => line.startsWith('done ')).sort(), [
        'done p00000-0',
        'done p00000-1',
      ])
    })

    it('counts a worker whose handle is closed as finished, unless it had something in hand', async () => {
      const url = await place.freshUrl()
      const [master, idle, busy] = [await connect(url), await connect(url), await connect(url)]
      await master.createQueue({ queue: ['a', 'b'] })
      await (await (await idle.createTimer('idle')).lease())!.ack()
      await (await busy.createTimer('busy')).lease()

      await Promise.all([idle.close(), busy.close()])

      await eventually(async () => (await master.checkTimers()).died === 1, 'the death')
      const workers = await master.getTimers()
      assert.deepEqual(workers.map(({ id, state }) => [id, state]).sort(), [
        ['busy', 'died'],
        ['idle', 'finished'],
      ])
      assert.deepEqual((await master.counts()).ready, 1)
    })

    it('takes away an expired timer before it says that all is done', async () => {
      const url = await place.freshUrl()
      const [master, worker] = [await connect(url), await connect(url)]
      await master.createQueue({ queue: ['a'], timerMs: 150, onExpire: 'requeue' })
      const timer = await worker.createTimer('silent')
      await (await timer.lease())!.ack()

      const report = await master.waitDone({ workers: true, timeoutMs: 30_000 })

      assert.deepEqual([report.ok, report.workers[0]!.state], [false, 'expired'])
      assert.equal((await nodes(url, ['timers'])).timers, 0)
      assert.equal(await timer.kick(), false)
    })
  })
}
