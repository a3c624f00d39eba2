// What goes in comes out, and a queue is made as a whole or not at all.

import assert from 'node:assert/strict'
import { eventually } from '../support/eventually'
import { connect } from '../support/queue'
import type { QueuePlace } from './place'

export function itemsAndCreation(place: QueuePlace): void {
  describe(`Items and creation, on ${place.name}`, () => {
    it('come back as they were put in: text, bytes, JSON, empty, large', async () => {
      const queue = await connect<unknown>(await place.freshUrl())
      const items = [
        '',
        'x'.repeat(1_000_000),
        'ünïcödé 🐕 \0 nul',
        Buffer.from([0, 255, 1, 2]),
        Buffer.alloc(0),
        { file: 'a', size: 3, tags: [null, true] },
        42,
        null,
        ['list'],
      ]
      await queue.createQueue({ queue: items })
      const timer = await queue.createTimer('worker')

      const seen = new Map<string, unknown>()
      await timer.run(async (lease) => seen.set(lease.id, lease.item))

      assert.equal(seen.size, items.length)
      const sorted = [...seen].sort(([a], [b]) => a.localeCompare(b)).map(([, item]) => item)
      for (const item of items) {
        assert.ok(
          sorted.some(
            (one) =>
              JSON.stringify(one) === JSON.stringify(item) && Buffer.isBuffer(one) === Buffer.isBuffer(item),
          ),
        )
      }
    })

    it('are worked on by timers with ids of slashes, dots, emoji and 300 characters', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ queue: ['a'] })
      const ids = ['a/b/../c', '.', '..', 'emoji 🐕', 'ä'.repeat(300), 'same', 'same', '%2F~']

      for (const id of ids) await (await queue.createTimer(id)).kick()

      assert.deepEqual(
        (await queue.getTimers()).map(({ id }) => id),
        ids,
      )
    })

    it('lets exactly one of two creators win', async () => {
      const url = await place.freshUrl()
      const handles = await Promise.all(Array.from({ length: 4 }, () => connect(url)))

      const outcomes = await Promise.allSettled(
        handles.map((queue, i) => queue.createQueue({ queue: [`of ${i}`] })),
      )

      const won = outcomes.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []))
      assert.equal(won.length, 1, JSON.stringify(outcomes))
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'ERR_EXISTS')
      assert.equal(await (await connect(url)).consume(), `of ${won[0]}`)
    })

    it('does as ifExists says', async () => {
      const url = await place.freshUrl()
      const [one, two] = [await connect(url), await connect(url)]
      await one.createQueue({ queue: ['a', 'b'] })

      await assert.rejects(two.createQueue({ queue: ['c'] }), { code: 'ERR_EXISTS' })
      await two.createQueue({ queue: ['c'], ifExists: 'attach' })
      assert.equal(await two.queueCount(), 2)
      await two.createQueue({ queue: ['c'], ifExists: 'replace' })
      assert.equal(await two.queueCount(), 1)
      await assert.rejects(one.queueCount(), { code: 'ERR_CLOSED' })
      assert.equal(await one.consume(), 'c')
    })

    /** A creation that has begun and goes on when it is told. */
    async function slowCreation(url: string) {
      let goOn = () => {}
      let hasBegun = () => {}
      const told = new Promise<void>((resolve) => {
        goOn = resolve
      })
      const begun = new Promise<void>((resolve) => {
        hasBegun = resolve
      })
      const items = async function* () {
        yield 'slow'
        hasBegun()
        await told
        yield 'slower'
      }
      const ended = (await connect(url)).createQueue({ queue: items() })
      // What became of it is asked later.
      ended.catch(() => {})
      await begun
      return { ended, goOn }
    }

    it('does as ifExists says while a slow creator is at work: refuse, or wait for it', async () => {
      const url = await place.freshUrl()
      const { ended, goOn } = await slowCreation(url)
      const [patient, impatient] = [await connect(url), await connect(url)]
      const attaching = patient.createQueue({ queue: ['c'], ifExists: 'attach' })

      await assert.rejects(impatient.createQueue({ queue: ['c'] }), { code: 'ERR_EXISTS' })
      goOn()
      await Promise.all([ended, attaching])

      assert.equal(await patient.queueCount(), 2)
    })

    it('replaces what a slow creator is at work on, as soon as that one has given up', async () => {
      const url = await place.freshUrl()
      const { ended, goOn } = await slowCreation(url)
      const [other, observer] = [await connect(url), await connect(url)]

      const replacing = other.createQueue({ queue: ['c'], ifExists: 'replace' })
      const isClosing = (error: Error) => / is closing /.test(error.message)
      await eventually(() => observer.attachQueue().then(() => false, isClosing), 'the old one to be closed')
      goOn()
      await assert.rejects(ended, { code: 'ERR_EXISTS' })
      await replacing

      assert.deepEqual(await Promise.all([observer.consume(), observer.consume()]), ['c', undefined])
    })

    it('is refused as a whole when an item is', async () => {
      const queue = await connect<unknown>(await place.freshUrl())

      await assert.rejects(queue.createQueue({ queue: ['a', 'x'.repeat(1_000_001)] }), {
        code: 'ERR_TOO_LARGE',
      })
      await assert.rejects(queue.createQueue({ queue: ['a', Symbol('s')] }), TypeError)

      await assert.rejects(queue.attachQueue(), { code: 'ERR_NOT_FOUND' })
    })
  })
}
