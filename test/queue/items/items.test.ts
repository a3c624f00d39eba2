// Items and ids of every kind and size, and many of them.

import assert from 'node:assert/strict'
import { connect, describeZookeeper, sharedServer, uniqueUrl } from '../../support/queue'

describeZookeeper('Items of a queue', () => {
  it('number 100,000 in one call, with few nodes, in many turns of the event loop', async function () {
    this.timeout(120_000)
    const [server] = (await sharedServer()).servers
    const queue = await connect(await uniqueUrl())
    const items = Array.from({ length: 100_000 }, (_, i) => `item ${i}`)
    const nodes = async () => (await server!.figures()).get('zk_znode_count')!
    const before = await nodes()
    let turns = 0
    let isCreating = true
    const turn = () => {
      turns++
      if (isCreating) setImmediate(turn)
    }

    turn()
    await queue.createQueue({ queue: items })
    isCreating = false

    assert.ok((await nodes()) - before < 1000)
    assert.ok(turns > 100, `${turns} turns`)
    assert.equal(await queue.queueCount(), 100_000)
  })
})
