// Whatever a handler throws is one failed attempt with a message; whatever JSON cannot say is refused at once.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { JsonValue } from '../../../lib'
import { collect, connect, describeZookeeper, uniqueUrl } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

function circle(): object {
  const o: Record<string, unknown> = { name: 'circle' }
  o.o = o
  return o
}

const THROWN: [what: string, make: () => unknown][] = [
  ['a circle', circle],
  ['a BigInt', () => 12n],
  ['an object with a BigInt', () => ({ n: 1n })],
  [
    'an object whose toJSON throws',
    () => ({
      toJSON() {
        throw new Error('no JSON')
      },
    }),
  ],
  [
    'an error whose message throws',
    () => Object.defineProperty(new Error('x'), 'message', { get: throwing }),
  ],
  ['an error whose message is none', () => Object.assign(new Error('x'), { message: circle() })],
  [
    'a proxy that throws',
    () => new Proxy({}, { get: throwing, ownKeys: throwing, getPrototypeOf: throwing }),
  ],
  ['undefined', () => undefined],
  ['null', () => null],
  ['a symbol', () => Symbol('s')],
  ['a function', () => () => {}],
  ['text', () => 'plain'],
]

function throwing(): never {
  throw new Error('a getter')
}

function onPlace(title: string, place: () => Promise<string>): void {
  describe(title, () => {
    it('makes every throw one failed attempt, whatever is thrown', async () => {
      const queue = await connect<string>(await place())
      await queue.createQueue({ queue: THROWN.map(([what]) => what), maxAttempts: 1 })
      const timer = await queue.createTimer('w')

      await timer.run(async (lease) => {
        throw THROWN.find(([what]) => what === lease.item)![1]()
      })

      const letters = await collect(queue.deadLetters())
      const messages = new Map(letters.map(({ item, error }) => [item, error?.message]))
      assert.equal(letters.length, THROWN.length)
      for (const { attempts } of letters) assert.equal(attempts, 1)
      for (const [what] of THROWN) {
        const message = messages.get(what)
        if (what !== 'undefined') assert.ok(typeof message === 'string' && message !== '', what)
      }
      assert.match(messages.get('a circle')!, /circle/)
      assert.equal(messages.get('a BigInt'), '12')
      assert.equal(messages.get('text'), 'plain')
    })

    it('refuses progress and results that JSON cannot say, and nothing else happens', async () => {
      const queue = await connect(await place())
      await queue.createQueue({ queue: ['a'] })
      const timer = await queue.createTimer('w')

      for (const [what, make] of THROWN.slice(0, 4)) {
        await assert.rejects(timer.kick(make() as JsonValue), /^TypeError: Expected the progress/, what)
      }
      await assert.rejects(timer.end({ status: 1n as unknown as 'done' }), TypeError)
      await assert.rejects(timer.end(circle() as { status: 'done' }), TypeError)

      assert.equal(await timer.kick({ step: 1 }), true)
      assert.equal((await queue.checkTimers()).alive, 1)
    })

    it('keeps bytes that are no text, and knows a last attempt', async () => {
      const bytes = Buffer.from([0x2e, 0xf3, 0x00, 0xff])
      const queue = await connect<Uint8Array>(await place())
      await queue.createQueue({ queue: [bytes], maxAttempts: 2 })
      const timer = await queue.createTimer('w')
      const seen: unknown[] = []

      await timer.run(async (lease) => {
        seen.push([Buffer.from(lease.item).toString('hex'), lease.attempt, lease.isLastAttempt])
        throw new Error('again')
      })

      assert.deepEqual(seen, [
        ['2ef300ff', 1, false],
        ['2ef300ff', 2, true],
      ])
    })

    it('counts no timer as alive that was taken away', async () => {
      const queue = await connect(await place())
      await queue.createQueue({ queue: ['a'], timerMs: 100, onExpire: 'requeue', maxAttempts: 1 })
      const timer = await queue.createTimer('hung')
      await timer.lease()

      // Nobody else is there to find it out.
      await new Promise((resolve) => timer.signal.addEventListener('abort', resolve))

      const { alive, expired } = await queue.checkTimers()
      assert.deepEqual({ alive, expired }, { alive: 0, expired: 1 })
    })
  })
}

onPlace('A worker of a queue on this machine', async () => join(tempDir(), 'queue'))
describeZookeeper('A worker of a queue', () => onPlace('on ZooKeeper', uniqueUrl))
