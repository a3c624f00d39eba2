// A worker on a queue that comes after the one of the round: nothing of it may be leased before that one is done.

import { play } from './role'

play(async (queue, { name, history }, number) => {
  await queue.attachQueue()
  const timer = await queue.createTimer(`${name}.${number}`)
  for await (const lease of timer.leases()) {
    history.write({ op: 'followed', item: lease.item })
    await lease.ack()
  }
  await timer.end()
})
