// Items and ids of every kind and size, and many of them.

import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { connect, describeZookeeper, sharedServer, uniqueUrl } from './helpers/queue'

describeZookeeper('Items', () => {
  it('come back as they were put in: text, bytes, JSON, empty, large', async () => {
    const queue = await connect<unknown>(await uniqueUrl())
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
    const queue = await connect(await uniqueUrl())
    await queue.createQueue({ queue: ['a'] })
    const ids = ['a/b/../c', '.', '..', 'emoji 🐕', 'ä'.repeat(300), 'same', 'same', '%2F~']

    for (const id of ids) await (await queue.createTimer(id)).kick()

    assert.deepEqual(
      (await queue.getTimers()).map(({ id }) => id),
      ids,
    )
  })

  it('number 100,000 in one call, with few nodes and no stall of the event loop over 50 ms', async function () {
    this.timeout(120_000)
    const [server] = (await sharedServer()).servers
    const queue = await connect(await uniqueUrl())
    const items = Array.from({ length: 100_000 }, (_, i) => `item ${i}`)
    const nodes = async () => (await server!.figures()).get('zk_znode_count')!
    const before = await nodes()
    // Warm: the first call compiles the code and so measures the compiler.
    await queue.createQueue({ queue: items.slice(0, 20_000) })
    await queue.destroy()
    const delays = monitorEventLoopDelay({ resolution: 5 })

    delays.enable()
    await queue.createQueue({ queue: items })
    delays.disable()

    assert.ok((await nodes()) - before < 1000)
    assert.ok(delays.max / 1e6 < 50, `the loop stood still for ${delays.max / 1e6} ms`)
    assert.equal(await queue.queueCount(), 100_000)
  })
})
