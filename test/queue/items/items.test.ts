// Items and ids of every kind and size, and many of them.

import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { connect, describeZookeeper, sharedServer, uniqueUrl } from '../../support/queue'

describeZookeeper('Items of a queue', () => {
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
