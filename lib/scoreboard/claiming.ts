// Taking a slot: tried again while somebody else claims or cleans, and what to say where none is to be had.

import { type ClaimedSlot, type Failure, isFailure, type NativeBoard } from '../binding'
import { ScoreboardError } from '../util/errors'
import { sleepSync } from '../util/sleep'
import { scoreboardError } from './failures'
import { threadId } from './thread-id'

/** How long a claim tries to get the claim lock. */
const CLAIM_TIMEOUT_MS = 2000
const LONGEST_PAUSE_MS = 20

export function tryToClaim(
  board: NativeBoard,
  id: string,
  keepsStatus: boolean,
  deadForMs: number,
): ClaimedSlot | Failure {
  return tryAgainWhileBusy(() => board.claim(id, threadId(), keepsStatus, deadForMs))
}

/** Calls again while the answer is that somebody else claims or cleans, for as long as a claim may take. */
export function tryAgainWhileBusy<T>(attempt: () => T | Failure): T | Failure {
  const deadline = performance.now() + CLAIM_TIMEOUT_MS
  for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const answer = attempt()
    if (!isFailure(answer) || answer.code !== 'BUSY' || performance.now() >= deadline) return answer
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
      `${attempt}: all ${board.slots} slots belong to living workers, or hold what is not safe elsewhere yet; make a board with more 'slots'`,
    )
  }
  return scoreboardError(attempt, failure)
}
