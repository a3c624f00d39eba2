// Taking a slot: tried again while somebody else claims or cleans, and what to say where none is to be had.

import { type ClaimedSlot, type Failure, isFailure, type NativeBoard } from '../binding'
import { ScoreboardError } from '../util/errors'
import { sleepSync } from '../util/sleep'
import { scoreboardError } from './failures'
import { threadId } from './thread-id'

/** How long a claim tries to get the claim lock. */
const CLAIM_TIMEOUT_MS = 2000
const LONGEST_PAUSE_MS = 20

export function tryToClaim(board: NativeBoard, id: string): ClaimedSlot | Failure {
  const deadline = performance.now() + CLAIM_TIMEOUT_MS
  for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const slot = board.claim(id, threadId())
    if (!isFailure(slot) || slot.code !== 'BUSY' || performance.now() >= deadline) return slot
    // Of different length for each, so that those who wait do not meet again and again.
    sleepSync(pause * (0.5 + Math.random()))
  }
}

export function claimError(
  baseDir: string,
  board: NativeBoard,
  id: string,
  failure: Failure,
): ScoreboardError {
  const attempt = `Cannot claim a slot on ${baseDir}`
  if (failure.code === 'ID_IN_USE') {
    return new ScoreboardError(
      'ERR_ID_IN_USE',
      `${attempt}: a living worker has the id '${id}'; choose another, or leave workerId out`,
    )
  }
  if (failure.code === 'BOARD_FULL') {
    return new ScoreboardError(
      'ERR_BOARD_FULL',
      `${attempt}: all ${board.slots} slots belong to living workers; make a board with more 'slots'`,
    )
  }
  return scoreboardError(attempt, failure)
}
