// Makes many timers on one queue and keeps them.
//
// argv: url, how many

import { WatchdogQueue } from '../../lib'

async function main(): Promise<void> {
  const [url, count] = process.argv.slice(2) as [string, string]
  const queue = await WatchdogQueue.connect(url)
  for (let i = 0; i < Number(count); i++) await queue.createTimer(`timer-${i}`)
  process.send!('ready')
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
