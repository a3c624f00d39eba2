// Does many of one thing between two marks, for a test that watches its system calls.
//
// argv: url, what, how many

import { existsSync } from 'node:fs'
import { WatchdogQueue } from '../../lib'
import { openStore } from '../../lib/queue/connect'
import { attach } from '../../lib/queue/incarnation/attach'
import { ANY_VERSION } from '../../lib/queue/store/store'

/** A system call that a trace shows. */
function mark(name: string): void {
  existsSync(`/mark-${name}`)
}

/** Another worker's timer is taken away: to be found out once, and to cost nothing from then on. */
async function takeAnother(queue: WatchdogQueue, url: string): Promise<void> {
  await queue.createTimer('another')
  const store = await openStore(url, {})
  const incarnation = await attach(store, {})
  const names = (await store.list(incarnation.at('timers')))!
  await store.delete(incarnation.at('timers', names.find((name) => name.startsWith('another'))!), ANY_VERSION)
  await store.close()
}

async function main(): Promise<void> {
  const [url, what, times] = process.argv.slice(2) as [string, 'kick' | 'ack' | 'consume', string]
  const queue = await WatchdogQueue.connect(url)
  const timer = await queue.createTimer('traced')
  await takeAnother(queue, url)
  await timer.kick()
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
