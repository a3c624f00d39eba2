// A worker that publishes the status its parent sends it, says 'ready' and stays until its parent goes.

import { Scoreboard } from '../../lib'

const [baseDir, workerId] = process.argv.slice(2) as [string, string]
const board = new Scoreboard({ baseDir, workerId })

process.on('message', ({ status }: { status: string }) => {
  board.update(status)
  process.send!('ready')
})
process.on('disconnect', () => process.exit())
