// Watches where the system has no thread left for it, and tells what it saw. argv: baseDir.

import { execFileSync } from 'node:child_process'
import { Scoreboard } from '../../lib'

async function main(): Promise<void> {
  const baseDir = process.argv[2]!
  const board = new Scoreboard({ baseDir })
  const worker = new Scoreboard({ baseDir, workerId: 'w' })
  worker.claim()
  execFileSync('prlimit', [`--pid=${process.pid}`, '--nproc=1:1'])
  // The limit does not hold for root.
  if (process.getuid!() === 0) process.setuid!(65534)
  const watcher = board.watch()
  await watcher.next()
  const news = watcher.next()
  worker.update('hello')
  const { value } = await news
  await watcher.return!()
  process.send!(value!.workers[0]!.status)
}

main()
