// A manager that watches a board, until it is ended.

import { Scoreboard } from '../../lib'

async function main(): Promise<void> {
  const board = new Scoreboard({ baseDir: process.argv[2]! })
  let first = true
  for await (const _ of board.watch()) {
    if (first) process.send!('ready')
    first = false
  }
}

process.on('disconnect', () => process.exit())
void main()
