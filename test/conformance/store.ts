// What a queue relies on, of the place that keeps it: the promises in lib/queue/store/store.ts, asked of two handles
// of the same place.

import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openStore } from '../../lib/queue/connect'
import { ANY_VERSION, type Store, type WatchKind } from '../../lib/queue/store/store'
import { eventually } from '../support/eventually'
import { SESSION_MS } from '../support/queue'
import type { QueuePlace } from './place'

const bytes = (text: string) => Buffer.from(text)

export function storePromises(place: QueuePlace): void {
  describe(`A place for queues, on ${place.name}`, () => {
    let url: string
    let mine: Store
    let other: Store
    const open: Store[] = []

    const opened = async () => {
      const store = await openStore(url, { sessionTimeoutMs: SESSION_MS })
      open.push(store)
      return store
    }
    const text = async (store: Store, path: string) => {
      await store.sync()
      return (await store.get(path))?.data.toString()
    }
    const names = async (store: Store, path: string) => {
      await store.sync()
      return (await store.list(path))?.sort()
    }

    beforeEach(async () => {
      url = await place.freshUrl()
      mine = await opened()
      await mine.createParents()
      assert.equal(await mine.create('', bytes('root')), 'created')
      assert.equal(await mine.create('d', bytes('')), 'created')
      other = await opened()
    })
    afterEach(async () => {
      await Promise.all(open.splice(0).map((store) => store.close()))
    })

    it('makes a node once, and only below one that is there', async () => {
      assert.equal(await other.create('d/a', bytes('1')), 'created')
      assert.equal(await mine.create('d/a', bytes('2')), 'exists')
      assert.equal(await mine.create('', bytes('2')), 'exists')
      assert.equal(await mine.create('none/a', bytes('')), 'orphan')
      assert.equal(await mine.create('none/a', bytes(''), { ephemeral: true }), 'orphan')

      assert.equal(await text(mine, 'd/a'), '1')
      assert.equal(await text(other, ''), 'root')
    })

    it('writes at the version that was read, and at no older one', async () => {
      await mine.create('d/a', bytes('1'))
      const { version } = (await other.get('d/a'))!

      const first = await mine.set('d/a', bytes('2'), version)
      const late = await other.set('d/a', bytes('3'), version)
      const anyhow = await other.set('d/a', bytes('4'), ANY_VERSION)

      assert.deepEqual([first.kind, late.kind, anyhow.kind], ['set', 'conflict', 'set'])
      assert.equal(await text(mine, 'd/a'), '4')
      assert.equal((await mine.set('d/none', bytes(''), ANY_VERSION)).kind, 'missing')
      assert.equal((await mine.set('d/none', bytes(''), 0)).kind, 'missing')
      assert.equal(
        first.kind === 'set' && (await mine.set('d/a', bytes('5'), first.info.version)).kind,
        'conflict',
      )
    })

    it('deletes at the version that was read, and nothing that has something below it', async () => {
      await mine.create('d/a', bytes('1'))
      const { version } = (await mine.get('d/a'))!
      await other.set('d/a', bytes('2'), version)
      const rootVersion = (await mine.get(''))!.version

      assert.equal(await mine.delete('d/a', version), 'conflict')
      assert.equal(await mine.delete('d', ANY_VERSION), 'notEmpty')
      assert.equal(await mine.delete('', ANY_VERSION), 'notEmpty')
      assert.equal(await mine.delete('d/a', ANY_VERSION), 'deleted')
      assert.equal(await mine.delete('d/a', ANY_VERSION), 'missing')
      assert.equal(await mine.delete('d', ANY_VERSION), 'deleted')
      await other.create('t', bytes(''), { ephemeral: true })
      await mine.sync()
      assert.equal(await mine.delete('', ANY_VERSION), 'notEmpty')
      await other.delete('t', ANY_VERSION)
      await mine.sync()
      await other.set('', bytes('changed'), rootVersion)
      assert.equal(await mine.delete('', rootVersion), 'conflict')
      assert.equal(await mine.delete('', ANY_VERSION), 'deleted')
      assert.equal(await text(other, ''), undefined)
    })

    it('lists what is below a node, tells none from nothing, and sorts by age', async () => {
      await mine.create('d/b', bytes(''))
      await mine.create('d/a', bytes(''), { ephemeral: true })
      await mine.create('d/b/deep', bytes(''))
      await mine.create('dd', bytes(''))

      assert.deepEqual(await names(other, 'd'), ['a', 'b'])
      assert.deepEqual(await names(other, ''), ['d', 'dd'])
      assert.deepEqual(await names(other, 'dd'), [])
      assert.equal(await names(other, 'none'), undefined)
      const [d, b, dd] = await Promise.all(['d', 'd/b', 'dd'].map((path) => other.info(path)))
      assert.deepEqual([d!.children, b!.children, dd!.children], [2, 1, 0])
      assert.ok(d!.born < b!.born && b!.born < dd!.born)
    })

    it('deletes a tree, and nothing that only begins alike', async () => {
      for (const path of ['d/a', 'd/a/b', 'd-', 'd0', 'd/a/b/c']) await mine.create(path, bytes(''))

      await mine.deleteTree('d')

      assert.deepEqual(await names(other, ''), ['d-', 'd0'])
      assert.equal(await text(other, 'd/a/b'), undefined)
    })

    it('has nodes that go with their maker', async () => {
      assert.equal(await mine.create('d/t', bytes('x'), { ephemeral: true }), 'created')
      assert.equal(await other.create('d/t', bytes('y'), { ephemeral: true }), 'exists')
      assert.equal(await text(other, 'd/t'), 'x')

      await mine.close()

      await eventually(async () => (await names(other, 'd'))!.length === 0, 'the node to go')
      assert.equal(await other.create('d/t', bytes('y'), { ephemeral: true }), 'created')
    })

    it('shows at once what this handle did, after sync() what anybody did, and without it what was done some time ago', async () => {
      assert.deepEqual(await mine.list('d'), [])
      await mine.create('d/t', bytes(''), { ephemeral: true })
      assert.deepEqual(await mine.list('d'), ['t'])
      await mine.delete('d/t', ANY_VERSION)
      assert.deepEqual(await mine.list('d'), [])

      await other.create('d/s', bytes(''), { ephemeral: true })
      await mine.sync()
      assert.deepEqual(await mine.list('d'), ['s'])
      await other.delete('d/s', ANY_VERSION)
      await mine.sync()
      assert.deepEqual(await mine.list('d'), [])

      await other.create('d/t', bytes(''), { ephemeral: true })
      await eventually(async () => {
        await nextTurn()
        return (await mine.list('d'))!.length === 1
      }, 'the news')
    })

    it('recalls a node as it is after sync(), however often it was asked for before', async () => {
      const seen: (string | undefined)[] = []
      const recall = async () => {
        await mine.sync()
        const node = await mine.recall('d/t')
        seen.push(node?.data.toString())
      }

      await recall()
      for (const name of ['a', 'b']) {
        await other.create('d/t', bytes(name), { ephemeral: true })
        for (let i = 0; i < 3; i++) await recall()
        await other.set('d/t', bytes(`${name}2`), ANY_VERSION)
        for (let i = 0; i < 3; i++) await recall()
        await other.set('d/t', bytes(`${name}3`), ANY_VERSION)
        await recall()
        await other.delete('d/t', ANY_VERSION)
        await recall()
      }

      const each = (name: string) => [...Array(3).fill(name), ...Array(3).fill(`${name}2`), `${name}3`]
      assert.deepEqual(seen, [undefined, ...each('a'), undefined, ...each('b'), undefined])
    })

    it('has a new version after each write of a node that goes with its maker, and takes it by that', async () => {
      await mine.create('d/t', bytes(''), { ephemeral: true })
      const first = (await mine.get('d/t'))!.version
      assert.equal((await mine.set('d/t', bytes('kick'), ANY_VERSION)).kind, 'set')
      assert.equal(await text(other, 'd/t'), 'kick')
      const second = (await other.get('d/t'))!.version
      assert.notEqual(first, second)

      assert.equal(await other.delete('d/t', first), 'conflict')
      assert.equal((await mine.set('d/t', bytes('kick'), ANY_VERSION)).kind, 'set')
      await other.sync()
      assert.equal(await other.delete('d/t', (await other.get('d/t'))!.version), 'deleted')

      assert.equal((await mine.set('d/t', bytes('late'), ANY_VERSION)).kind, 'missing')
      assert.equal(await text(mine, 'd/t'), undefined)
      assert.deepEqual(await names(mine, 'd'), [])
      assert.equal(await other.delete('d/t', ANY_VERSION), 'missing')
    })

    type Change = (store: Store) => Promise<unknown>
    const changes: [what: string, path: string, kind: WatchKind, prepare: Change, change: Change][] = [
      ['a write', 'd', 'data', async () => {}, (store) => store.set('d', bytes('x'), ANY_VERSION)],
      ['a creation', 'e', 'data', async () => {}, (store) => store.create('e', bytes(''))],
      ['an end', 'd', 'data', async () => {}, (store) => store.delete('d', ANY_VERSION)],
      ['a creation below it', 'd', 'children', async () => {}, (store) => store.create('d/a', bytes(''))],
      [
        'an end below it',
        'd',
        'children',
        (store) => store.create('d/a', bytes('')),
        (store) => store.delete('d/a', ANY_VERSION),
      ],
      [
        'a creation below it that goes with its maker',
        'd',
        'children',
        async () => {},
        (store) => store.create('d/t', bytes(''), { ephemeral: true }),
      ],
      [
        'an end below it of what goes with its maker',
        'd',
        'children',
        (store) => store.create('d/t', bytes(''), { ephemeral: true }),
        (store) => store.delete('d/t', ANY_VERSION),
      ],
      [
        'the end of a maker',
        'd',
        'children',
        (store) => store.create('d/t', bytes(''), { ephemeral: true }),
        (store) => store.close(),
      ],
      [
        'the end of what goes with its maker',
        'd/t',
        'gone',
        (store) => store.create('d/t', bytes(''), { ephemeral: true }),
        (store) => store.delete('d/t', ANY_VERSION),
      ],
      [
        'the end of a tree',
        'd/a',
        'gone',
        (store) => store.create('d/a', bytes('')),
        (store) => store.deleteTree('d'),
      ],
    ]
    for (const [what, path, kind, prepare, change] of changes) {
      it(`tells whoever watches for '${kind}' of ${what}`, async () => {
        await prepare(other)
        let calls = 0
        const stop = await mine.watch(path, kind, () => calls++)
        await listening()

        await change(other)
        await eventually(() => calls > 0, 'the call')
        stop()
      })
    }

    /** A watcher that has just begun may look once more of itself: so first a change that is told of. */
    async function listening(): Promise<void> {
      let calls = 0
      const stop = await mine.watch('', 'data', () => calls++)
      await other.set('', bytes('listen'), ANY_VERSION)
      await eventually(() => calls > 0, 'the first call')
      stop()
      await mine.sync()
    }

    it('tells the maker of a node that another took it', async () => {
      await mine.create('d/t', bytes(''), { ephemeral: true })
      let calls = 0
      await mine.watch('d/t', 'gone', () => calls++)
      await listening()

      await other.delete('d/t', ANY_VERSION)

      await eventually(() => calls > 0, 'the call')
    })

    it('tells each of several watchers, and none that has stopped', async () => {
      const calls = [0, 0, 0]
      const stops = await Promise.all(calls.map((_, i) => mine.watch('d', 'data', () => calls[i]!++)))
      stops[0]!()

      await other.set('d', bytes('x'), ANY_VERSION)
      await eventually(() => calls[1]! > 0 && calls[2]! > 0, 'the calls')
      // Changes up to what is read next may be one call; only one that comes later is another.
      assert.equal(await text(mine, 'd'), 'x')
      stops[1]!()
      const before = calls[2]!
      await other.set('d', bytes('y'), ANY_VERSION)
      await eventually(() => calls[2]! > before, 'another call')

      assert.equal(calls[0], 0)
    })

    it('tells of a root that comes, goes and comes again', async () => {
      const events: string[] = []
      let seen: string | undefined = 'root'
      await other.watch('', 'data', () => void look())
      const look = async () => {
        const now = await text(other, '')
        if (now !== seen) events.push(now ?? 'gone')
        seen = now
      }

      await mine.deleteTree('d')
      await mine.delete('', ANY_VERSION)
      await eventually(() => events.includes('gone'), 'the end')
      assert.equal(await mine.create('', bytes('next')), 'created')
      await eventually(() => events.at(-1) === 'next', 'the next')
      await mine.set('', bytes('changed'), ANY_VERSION)

      await eventually(() => events.at(-1) === 'changed', 'the change')
    })

    it('refuses every call after close()', async () => {
      await mine.close()

      for (const call of [() => mine.get(''), () => mine.create('x', bytes('')), () => mine.list('')]) {
        await assert.rejects(call(), { code: 'ERR_CLOSED' })
      }
    })
  })
}
