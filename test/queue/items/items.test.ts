// Items and ids of every kind and size, and many of them.

import assert from 'node:assert/strict'
import { connect, describeZookeeper, sharedServer, uniqueUrl } from '../../support/queue'

describeZookeeper('Items of a queue', () => {
  it('number 100,000 in one call, with few nodes, no turn of the event loop with much work', async function () {
    this.timeout(120_000)
    const [server] = (await sharedServer()).servers
    const queue = await connect(await uniqueUrl())
    const items = Array.from({ length: 100_000 }, (_, i) => `item ${i}`)
    const nodes = async () => (await server!.figures()).get('zk_znode_count')!
    const before = await nodes()
    // Processor time, so that a busy machine does not count.
    let longestMs = 0
    let last: NodeJS.CpuUsage | undefined
    const turn = () => {
      const now = process.cpuUsage()
      if (last !== undefined) longestMs = Math.max(longestMs, (now.user - last.user) / 1000)
      last = now
      if (isCreating) setImmediate(turn)
    }
    let isCreating = true

    turn()
    await queue.createQueue({ queue: items })
    isCreating = false

    assert.ok((await nodes()) - before < 1000)
    assert.ok(longestMs < 100, `a turn of the loop took ${longestMs} ms of processor time`)
    assert.equal(await queue.queueCount(), 100_000)
  })
})
