// Removing what workers that are gone have left: their slots and their files.

import { join } from 'node:path'
import { isFailure, type NativeBoard } from '../binding'
import { isRegularFile, namesIn, removeFile } from '../util/trust'
import { fileSystemError, scoreboardError } from './failures'
import { BOARD_FILE, hasItsName, removeAbandonedTemporaries } from './open-board'
import { type OverflowName, parseOverflowFileName, removeFilesOfBoard, removeFilesOfOwner } from './overflow'

export interface Cleaned {
  slots: number
  files: number
}

/**
 * Frees those of `slots` whose owners are gone, and removes the files they had. Nothing happens
 * while somebody else claims or cleans. Statuses that their owners asked to keep are spared unless `includeKept`.
 */
export function retireSlots(
  board: NativeBoard,
  directory: string,
  slots: number[],
  includeKept = false,
): Cleaned {
  const cleaned: Cleaned = { slots: 0, files: 0 }
  if (slots.length === 0) return cleaned
  const retired = board.retire(slots, includeKept)
  if (isFailure(retired)) return cleaned
  for (const { slot, epoch, generation } of retired) {
    cleaned.slots++
    cleaned.files += removeFilesOfOwner(directory, { boardId: board.boardId, slot, epoch, generation })
  }
  return cleaned
}

/** The same, and then removes whatever else nobody can name any more. */
export function cleanBoard(board: NativeBoard, directory: string, slots: number[]): Cleaned {
  const cleaned = retireSlots(board, directory, slots)
  // The names first, the epochs afterwards: a file that appears in between is never looked at.
  const attempt = `Cannot clean up ${directory}`
  let names: string[] | undefined
  try {
    names = namesIn(directory)
  } catch (cause) {
    throw fileSystemError(attempt, cause, directory)
  }
  if (names === undefined) throw scoreboardError(attempt, { code: 'REPLACED' })
  let isInPlace: boolean | undefined
  for (const name of names) {
    const file = parseOverflowFileName(name)
    if (file === undefined) continue
    const isOurs = file.boardId === board.boardId
    // Another board that had this name before the files were listed does not get it back.
    if (!isOurs) isInPlace ??= hasItsName(board, directory)
    const isOrphan = isOurs ? hasLostItsSlot(board, file) : isInPlace
    const orphan = join(directory, name)
    if (isOrphan && isRegularFile(orphan) && removeFile(orphan)) cleaned.files++
  }
  cleaned.files += removeAbandonedTemporaries(directory, names)
  return cleaned
}

/** Removes a board and its files, unless another has its name by now. Returns how many files that were. */
export function removeBoard(board: NativeBoard, directory: string): number {
  if (!hasItsName(board, directory) || !removeFile(join(directory, BOARD_FILE))) return 0
  return 1 + removeFilesOfBoard(directory, board.boardId)
}

/** Whether the owner that wrote an overflow file of this board does not have its slot any more. */
function hasLostItsSlot(board: NativeBoard, file: OverflowName): boolean {
  if (file.slot >= board.slots) return false
  const now = board.slotEpoch(file.slot)
  return file.epoch < Math.abs(now) || (file.epoch === now && now > 0)
}
