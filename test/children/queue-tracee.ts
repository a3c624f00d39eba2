// Does many of one thing between two marks, for a test that watches its system calls.
//
// argv: url, what, how many

import { existsSync } from 'node:fs'
import { WatchdogQueue } from '../../lib'

/** A system call that a trace shows. */
function mark(name: string): void {
  existsSync(`/mark-${name}`)
}

async function main(): Promise<void> {
  const [url, what, times] = process.argv.slice(2) as [string, 'kick' | 'ack' | 'consume', string]
  const queue = await WatchdogQueue.connect(url)
  const timer = await queue.createTimer('traced')
  const pauseMs = 0.2
  mark('begin')
  for (let i = 0; i < Number(times); i++) {
    if (what === 'kick') {
      for (const end = performance.now() + pauseMs; performance.now() < end; );
      if (!(await timer.kick())) throw new Error('the timer is gone')
    } else if (what === 'ack') {
      await (await timer.lease())!.ack()
    } else if ((await queue.consume()) === undefined) {
      throw new Error('nothing is left')
    }
  }
  mark('end')
  await timer.end()
  await queue.close()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
