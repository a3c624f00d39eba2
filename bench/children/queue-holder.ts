// A process with the lease of an item that it never ends: says so, and waits to be killed.
//
// argv: url of the queue

import { WatchdogQueue } from '../../lib'

async function main(): Promise<void> {
  const queue = await WatchdogQueue.connect(process.argv[2]!)
  const timer = await queue.createTimer(`holder-${process.pid}`)
  if ((await timer.lease({ waitMs: 60_000 })) === undefined) throw new Error('there was nothing to lease')
  process.send!('held')
  setInterval(() => {}, 60_000)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
