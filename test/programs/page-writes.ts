// Leases and acks items of a queue in one process, for a test that reads its log. argv: url of the queue.

import { setImmediate } from 'node:timers/promises'
import { WatchdogQueue } from '../../lib'

async function main(): Promise<void> {
  await using queue = await WatchdogQueue.connect(process.argv[2]!)
  await queue.createQueue({ queue: Array.from({ length: 40 }, (_, i) => `item ${i}`) })
  const [one, two] = [await queue.createTimer('one'), await queue.createTimer('two')]
  const [first, second] = [await one.lease(), await two.lease()]
  await Promise.all([first!.ack(), second!.nack(new Error('not now'))])
  // Another handle changes the page, which the first one learns from a conflict.
  await using other = await WatchdogQueue.connect(process.argv[2]!)
  await other.consume()
  const third = (await one.lease())!
  await other.consume()
  await third.ack()
  // One after the other: the next item comes with an ack, and is given back where nobody asks for it.
  for (let i = 0; i < 6; i++) await (await one.lease())!.ack()
  await setImmediate()
  await (await one.lease())!.release()
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
