// The same for faces that only read their board: what is open is noted there all the same, where we may write.

import { modeOfBoard } from '../scoreboard/open-board'
import { type AnyScoreboard, Scoreboard } from '../scoreboard/scoreboard'
import { stackOf } from './stack-of'
import type { AskedWorker, StackOptions, WorkerStack } from './types'

export async function stackOnBoard(
  board: AnyScoreboard,
  worker: AskedWorker,
  options: Omit<StackOptions, 'board'> = {},
): Promise<WorkerStack> {
  const writer = board.isReadOnly ? openWriter(board.baseDir) : undefined
  try {
    return await stackOf(worker, { ...options, board: writer ?? board })
  } finally {
    writer?.close()
  }
}

function openWriter(baseDir: string): Scoreboard | undefined {
  try {
    return new Scoreboard({ baseDir, mode: modeOfBoard(baseDir) })
  } catch {
    // Not ours to write. Whoever may not write the board is hardly the worker's user, and will be told so.
    return undefined
  }
}
