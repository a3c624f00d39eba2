// A worker that says that it is there, and then hangs.

import { Scoreboard } from '../../lib'

const board = new Scoreboard({ baseDir: process.argv[2]! })
board.update('hangs')

function inner(): void {
  for (let turns = 0; ; turns++) if (turns < 0) break
}

process.send!('ready', () => setTimeout(inner, 50))
