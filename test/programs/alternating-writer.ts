// Publishes 10 bytes and 1 MiB in turn, each of one repeated letter. argv: baseDir, worker id.

import { Scoreboard } from '../../lib'

const [baseDir, workerId] = process.argv.slice(2) as [string, string]
const board = new Scoreboard({ baseDir, workerId })
const short = [...'0123456789'].map((digit) => digit.repeat(10))
const long = [...'abcdefghij'].map((letter) => letter.repeat(1024 * 1024))

let turn = 0
const burst = () => {
  for (let i = 0; i < 10; i++) {
    turn = (turn + 1) % 10
    board.update(short[turn]!)
    board.update(long[turn]!)
  }
  setImmediate(burst)
}
board.update(long[0]!)
process.on('disconnect', () => process.exit(0))
process.send!('ready', burst)
