// Watches, takes one result, and then has nothing else to do, or waits for the next. argv: baseDir, whether.

import { Scoreboard } from '../../lib'

async function main(): Promise<void> {
  const board = new Scoreboard({ baseDir: process.argv[2]! })
  const watcher = board.watch()
  await watcher.next()
  process.send!('ready')
  process.disconnect()
  if (process.argv[3] === undefined) return
  // A timer that keeps nothing running can only fire while something else does.
  setTimeout(() => process.exit(3), 50).unref()
  await watcher.next()
}

main()
