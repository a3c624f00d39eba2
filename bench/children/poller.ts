// A manager that polls a board about a thousand times a second, until it is ended. Told so, it does
// it in odd windows of time only.

import { Scoreboard } from '../../lib'
import { windowNow } from '../measure'

const board = new Scoreboard({ baseDir: process.argv[2]! })
const clock = new Int32Array(new SharedArrayBuffer(4))
let { cursor } = board.changes()
const always = process.argv[3] !== 'odd-windows'
process.send!('ready')
process.on('disconnect', () => process.exit())

// Synchronous, for an even pace; a breath now and then for the channel.
function poll(): void {
  for (let i = 0; i < 100; i++) {
    Atomics.wait(clock, 0, 0, 1)
    if (always || windowNow() % 2 === 1) cursor = board.changes(cursor).cursor
  }
  setImmediate(poll)
}
poll()
