// Taking a slot: tried again while somebody else claims or cleans, and what to say where none is to be had.

import { type Failure, isFailure, type NativeBoard } from '../binding'
import { ScoreboardError } from '../util/errors'
import { sleepSync } from '../util/sleep'
import type { CheckedOptions } from './board-options'
import { scoreboardError } from './failures'
import { removeFilesOfOwner } from './overflow'
import { idsOfThisThread } from './owners'
import { threadId } from './thread-id'

/** How long a claim tries to get the claim lock. */
const CLAIM_TIMEOUT_MS = 2000
const LONGEST_PAUSE_MS = 20

/**
 * Takes a slot, and removes the files of a dead owner who had it. An id that was not chosen by anybody gets a number where
 * it is in use.
 *
 * @throws {ScoreboardError} there is none to be had
 */
export function takeSlot(
  board: NativeBoard,
  { baseDir, workerId, isExplicitId, deadForMs }: CheckedOptions,
  keepsStatus: boolean,
): { id: string; slot: number; epoch: number } {
  const { boardId } = board
  const ours = isExplicitId ? undefined : idsOfThisThread(boardId)
  for (let suffix = 1; ; suffix++) {
    const id = suffix === 1 ? workerId : `${workerId}#${suffix}`
    if (ours?.has(id)) continue
    const claimed = tryAgainWhileBusy(() => board.claim(id, threadId(), keepsStatus, deadForMs))
    if (isFailure(claimed)) {
      if (claimed.code === 'ID_IN_USE' && !isExplicitId) continue
      throw claimError(baseDir, board, id, claimed)
    }
    const { slot, epoch, endedEpoch, endedGeneration: generation } = claimed
    if (endedEpoch > 0) removeFilesOfOwner(baseDir, { boardId, slot, epoch: endedEpoch, generation })
    return { id, slot, epoch }
  }
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

function claimError(baseDir: string, board: NativeBoard, id: string, failure: Failure): ScoreboardError {
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
