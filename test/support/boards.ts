// Boards that live as long as one test.

import { Scoreboard, type ScoreboardOptions } from '../../lib'

const boards: Scoreboard[] = []

/** A handle that is closed after the test that is running. */
export function open(options: ScoreboardOptions): Scoreboard {
  const board = new Scoreboard(options)
  boards.push(board)
  return board
}

afterEach(() => {
  for (const board of boards.splice(0)) board.close()
})
