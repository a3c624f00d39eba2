// Counts on its own counter and on the shared one. argv: baseDir, additions.
// On 'go' it adds; every 1,000 additions it acknowledges by message what it has added so far.

import { Scoreboard } from '../../lib'

const [baseDir, additions] = process.argv.slice(2) as [string, string]
const board = new Scoreboard({ baseDir, workerId: `w${process.pid}` })
const { counters, shared } = board
const limit = Number(additions)
const useView = process.pid % 2 === 0

process.on('message', () => {
  const { view } = counters
  const at = counters.index('done')
  let count = 0
  const burst = () => {
    for (let i = 0; i < 1000 && count < limit; i++, count++) {
      if (useView) view[at]! += 1
      else counters.add('done')
      shared.add('all')
    }
    if (count < limit) {
      process.send!(count)
      setImmediate(burst)
    } else {
      process.send!('finished')
    }
  }
  burst()
})
process.on('disconnect', () => process.exit(0))
process.send!('ready')
