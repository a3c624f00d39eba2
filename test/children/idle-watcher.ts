// Watches, takes one result, and then has nothing else to do. argv: baseDir.

import { Scoreboard } from '../../lib'

async function main(): Promise<void> {
  const board = new Scoreboard({ baseDir: process.argv[2]! })
  await board.watch().next()
  process.send!('ready')
  process.disconnect()
}

main()
