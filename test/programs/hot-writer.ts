// Publishes as fast as it can: statuses of one repeated byte and random length, so that a mix of
// two is seen at once. argv: baseDir, worker id, longest status.

// Not all of rollcall: hundreds of these are started.
import { Scoreboard } from '../../lib/scoreboard/scoreboard'

const [baseDir, workerId, longest] = process.argv.slice(2) as [string, string, string]
const board = new Scoreboard({ baseDir, workerId })
const limit = Number(longest)

const letters = 'abcdefghijklmnopqrstuvwxyz'
const statuses = Array.from({ length: 997 }, (_, i) => {
  return letters[i % letters.length]!.repeat(Math.floor(Math.random() * (limit + 1)))
})

board.update(statuses[0]!)
process.send!('ready', () => {
  process.on('disconnect', () => process.exit(0))
  const burst = () => {
    for (let i = 0; i < 20_000; i++) board.update(statuses[i % statuses.length]!)
    setImmediate(burst)
  }
  burst()
})
