// A manager that polls a board about a thousand times a second, until it is ended.

import { Scoreboard } from '../../lib'

const board = new Scoreboard({ baseDir: process.argv[2]! })
const clock = new Int32Array(new SharedArrayBuffer(4))
let { cursor } = board.changes()
process.send!('ready')
process.on('disconnect', () => process.exit())

// Synchronous, for an even pace; a breath now and then for the channel.
function poll(): void {
  for (let i = 0; i < 100; i++) {
    Atomics.wait(clock, 0, 0, 1)
    cursor = board.changes(cursor).cursor
  }
  setImmediate(poll)
}
poll()
