// Cleans without pause until it is killed. argv: baseDir.

import { Scoreboard } from '../../lib'

const board = new Scoreboard({ baseDir: process.argv[2]! })
const burst = () => {
  for (let i = 0; i < 50; i++) board.cleanup()
  setImmediate(burst)
}
process.on('disconnect', () => process.exit(0))
process.send!('ready', burst)
