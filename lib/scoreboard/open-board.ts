// From a directory's name to an open board: makes what is missing, refuses what cannot be trusted.

import fs from 'node:fs'
import path from 'node:path'
import { type BoardPlan, type Failure, isFailure, type NativeBoard, native } from '../binding'
import { ScoreboardError } from '../util/errors'
import { randomBytes, randomName } from '../util/random-name'
import { sleepSync } from '../util/sleep'
import type { CheckedOptions } from './board-options'
import { fileSystemError, scoreboardError } from './failures'
import { checkGeometry, isOutgrown, ownNames, sharedNames } from './geometry'
import { removeFilesOfBoard } from './overflow'

const BOARD_FILE = 'board'
const TEMPORARY_PREFIX = '.board.'
const DEFAULT_SLOTS = 1024
const DEFAULT_INLINE_BYTES = 1024

/** Each round that ends without a board was lost to another process that made, replaced or removed one. */
const MAX_ROUNDS = 100

/** @param like what a new board shall be like where the options say nothing: one that was here before */
export function openBoard(options: CheckedOptions, like?: NativeBoard): NativeBoard {
  const directory = checkDirectory(options)
  const boardPath = path.join(options.baseDir, BOARD_FILE)
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const board = native.open(boardPath, options.readOnly, options.anyFilesystem, options.maxStatusBytes)
    if (isFailure(board)) {
      if (board.code !== 'GONE') throw openError(boardPath, board)
      if (options.readOnly) throw missing(boardPath)
      create(boardPath, options, like)
      continue
    }
    try {
      if (board.fromEarlierBoot && !options.readOnly && supplant(board, boardPath, options)) {
        board.close()
        continue
      }
      checkOwner(board, boardPath, directory.uid, options)
      const isTooSmall = !options.readOnly && isOutgrown(board, options.geometry)
      if (isTooSmall && supplant(board, boardPath, options)) {
        board.close()
        continue
      }
      checkGeometry(board, boardPath, options.geometry)
      if (enter(board, boardPath)) return board
      board.close()
    } catch (error) {
      board.close()
      throw error
    }
  }
  throw scoreboardError(`Cannot open ${boardPath}`, { code: 'BUSY' })
}

function openError(boardPath: string, failure: Failure): ScoreboardError {
  return scoreboardError(`Cannot open ${boardPath}`, failure)
}

function missing(boardPath: string): ScoreboardError {
  return new ScoreboardError(
    'ERR_NOT_A_BOARD',
    `Cannot open ${boardPath}: there is no board; a worker makes it, or new Scoreboard() without readOnly`,
  )
}

/** Makes the directory if it may, and refuses one that others could play tricks in. */
function checkDirectory(options: CheckedOptions): fs.Stats {
  const { baseDir, mode, readOnly } = options
  if (!readOnly) makeDirectory(baseDir, mode)
  let stats: fs.Stats
  try {
    stats = fs.lstatSync(baseDir)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw missing(path.join(baseDir, BOARD_FILE))
    throw fileSystemError(`Cannot open the board in ${baseDir}`, cause)
  }
  if (stats.isSymbolicLink()) {
    throw openError(baseDir, { code: 'INSECURE_PATH' })
  }
  if (!stats.isDirectory()) {
    throw new ScoreboardError(
      'ERR_NOT_A_BOARD',
      `Cannot open the board in ${baseDir}: this is not a directory`,
    )
  }
  if (readOnly) return stats
  const me = process.geteuid?.()
  if (stats.uid !== me && stats.uid !== 0) {
    throw new ScoreboardError(
      'ERR_INSECURE_PATH',
      `Cannot use ${baseDir}: it belongs to user ${stats.uid}, who could replace everything in it; use a directory of your own (user ${me}) or of root`,
    )
  }
  const tooOpen = stats.mode & 0o022 & ~mode
  if (tooOpen !== 0) {
    throw new ScoreboardError(
      'ERR_INSECURE_PATH',
      `Cannot use ${baseDir}: others may write to it (mode 0${(stats.mode & 0o7777).toString(8)}); chmod it, or allow them with the option 'mode' (now 0${mode.toString(8)})`,
    )
  }
  return stats
}

function makeDirectory(baseDir: string, mode: number): void {
  const directoryMode = mode | ((mode & 0o444) >> 2)
  try {
    fs.mkdirSync(path.dirname(baseDir), { recursive: true })
    fs.mkdirSync(baseDir, { mode: directoryMode })
    // The umask is for programs that were not told which bits to use.
    fs.chmodSync(baseDir, directoryMode)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return
    throw fileSystemError(`Cannot make ${baseDir}`, cause)
  }
}

function planFor(boardPath: string, options: CheckedOptions, old?: NativeBoard): BoardPlan {
  const { geometry } = options
  return {
    path: boardPath,
    temporary: path.join(options.baseDir, `${TEMPORARY_PREFIX}${randomName(8)}`),
    slots: geometry.slots ?? old?.slots ?? DEFAULT_SLOTS,
    inlineBytes: geometry.inlineBytes ?? old?.inlineBytes ?? DEFAULT_INLINE_BYTES,
    counters: geometry.counters ?? (old ? ownNames(old) : []),
    sharedCounters: geometry.sharedCounters ?? (old ? sharedNames(old) : []),
    boardId: randomBytes(16),
    mode: options.mode,
    anyFilesystem: options.anyFilesystem,
  }
}

function create(boardPath: string, options: CheckedOptions, like: NativeBoard | undefined): void {
  const failure = native.create(planFor(boardPath, options, like))
  // Somebody was first, or swept our temporary file away: look again.
  if (failure === undefined || failure.code === 'EXISTS' || failure.code === 'GONE') return
  throw scoreboardError(`Cannot create ${boardPath}`, failure)
}

/** Whether to open the name again. False: the old board is in use after all, take it as it is. */
function supplant(old: NativeBoard, boardPath: string, options: CheckedOptions): boolean {
  const failure = old.supplant(planFor(boardPath, options, old))
  if (failure === undefined) {
    removeFilesOfBoard(options.baseDir, old.boardId)
    return true
  }
  if (failure.code === 'IN_USE') return false
  if (failure.code === 'BUSY') sleepSync(1 + Math.random() * 20)
  if (failure.code === 'BUSY' || failure.code === 'REPLACED' || failure.code === 'GONE') return true
  const why = old.fromEarlierBoot ? 'which is from an earlier boot' : 'which is too small'
  throw scoreboardError(`Cannot replace ${boardPath}, ${why}`, failure)
}

/** False: somebody has put another in its place meanwhile, or is just doing so; open the name again. */
function enter(board: NativeBoard, boardPath: string): boolean {
  const failure = board.enter()
  if (failure === undefined) return true
  if (failure.code === 'BUSY') sleepSync(1 + Math.random() * 20)
  if (failure.code === 'BUSY' || failure.code === 'REPLACED') return false
  throw scoreboardError(`Cannot use ${boardPath}`, failure)
}

function checkOwner(
  board: NativeBoard,
  boardPath: string,
  directoryUid: number,
  options: CheckedOptions,
): void {
  const sharedByMode = (options.mode & 0o022) !== 0
  const isTrusted = options.readOnly
    ? board.uid === directoryUid
    : board.uid === process.geteuid?.() || board.uid === 0 || sharedByMode
  if (isTrusted) return
  throw new ScoreboardError(
    'ERR_INSECURE_PATH',
    `Cannot use ${boardPath}: it belongs to user ${board.uid}, its directory to user ${directoryUid}`,
  )
}

/** Whether the directory's name for a board leads to this one, and not to one that has taken its place. */
export function hasItsName(board: NativeBoard, baseDir: string): boolean {
  const named = native.open(path.join(baseDir, BOARD_FILE), true, true, 1)
  if (isFailure(named)) return false
  named.close()
  return named.boardId === board.boardId
}

/** Removes the temporary files of creators that are gone. Returns how many. */
export function removeAbandonedTemporaries(baseDir: string, names: readonly string[]): number {
  let removed = 0
  for (const name of names) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue
    const temporary = path.join(baseDir, name)
    if (!native.isAbandoned(temporary)) continue
    fs.rmSync(temporary, { force: true })
    removed++
  }
  return removed
}
