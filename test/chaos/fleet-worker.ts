// A worker of a machine in a fleet's round: publishes all the time.

import { Scoreboard } from '../../lib'
import { takeOrders } from './fleet-role'

const { name, machine, boardDir, history } = takeOrders()
const board = new Scoreboard({ baseDir: boardDir, workerId: name, counters: { done: 'counter' } })
board.update(0)
history.write({ op: 'born', machine, worker: name })
process.send!('ready')

let done = 0
setInterval(() => {
  board.update(++done)
  board.counters.add('done')
}, 50)
