// Opens and claims on whatever board it is told, and keeps it until the next one.

import { Scoreboard, type ScoreboardOptions } from '../../lib'

const boards: Scoreboard[] = []

process.on('message', (options: ScoreboardOptions) => {
  try {
    const board = new Scoreboard(options)
    boards.push(board)
    board.update('here')
    process.send!({ boardId: board.snapshot().boardId })
  } catch (error) {
    process.send!({ message: (error as Error).message })
  }
})
process.on('disconnect', () => process.exit(0))
process.send!('ready')
