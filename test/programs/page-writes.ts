// Leases and acks items of a queue in one process, for a test that reads its log. argv: url of the queue.

import { WatchdogQueue } from '../../lib'

async function main(): Promise<void> {
  await using queue = await WatchdogQueue.connect(process.argv[2]!)
  await queue.createQueue({ queue: ['a', 'b', 'c', 'd'] })
  const [one, two] = [await queue.createTimer('one'), await queue.createTimer('two')]
  const [first, second] = [await one.lease(), await two.lease()]
  await Promise.all([first!.ack(), second!.nack(new Error('not now'))])
  // Another handle changes the page, which the first one learns from a conflict.
  await using other = await WatchdogQueue.connect(process.argv[2]!)
  await other.consume()
  await (await one.lease())!.release()
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
