// From a directory's name to an open board: makes what is missing, refuses what cannot be trusted.

import type { Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import { type BoardPlan, type Failure, isFailure, type NativeBoard, native } from '../binding'
import { ScoreboardError } from '../util/errors'
import { unmountedHint } from '../util/path-trouble'
import { randomBytes, randomName } from '../util/random-name'
import { sleepSync } from '../util/sleep'
import {
  checkDirectory,
  directoryAt,
  isRegularFile,
  isTrusted,
  makeDirectory,
  namesIn,
  removeFile,
  statsOf,
} from '../util/trust'
import { userText } from '../util/users'
import type { CheckedOptions } from './board-options'
import { fileSystemError, scoreboardError } from './failures'
import { checkGeometry, isOutgrown, ownNames, sharedNames } from './geometry'
import { removeFilesOfBoard } from './overflow'

export const BOARD_FILE = 'board'
const TEMPORARY_PREFIX = '.board.'
export const TEMPORARY = /^\.board\.[0-9a-f]{16}$/
const DEFAULT_SLOTS = 1024
const DEFAULT_INLINE_BYTES = 1024

/** Each round that ends without a board was lost to another process that made, replaced or removed one. */
const MAX_ROUNDS = 100

/** @param like what a new board shall be like where the options say nothing: one that was here before */
export function openBoard(options: CheckedOptions, like?: NativeBoard): NativeBoard {
  const directory = prepareDirectory(options)
  const boardPath = join(options.baseDir, BOARD_FILE)
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
      if (!hasOneName(board, boardPath)) {
        // Most likely it was replaced while it was looked at; then the next one is another.
        if (round < MAX_ROUNDS - 1 && statsOf(boardPath)?.ino !== board.inode) {
          board.close()
          continue
        }
        throw linkedError(board, boardPath)
      }
      checkOwner(board, boardPath, directory, options)
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

/** What the makers of a board gave, without which one that others may write to cannot be opened to write. */
export function modeOfBoard(baseDir: string): number | undefined {
  const mode = statsOf(join(baseDir, BOARD_FILE))?.mode
  return mode === undefined ? undefined : mode & 0o666
}

function openError(boardPath: string, failure: Failure): ScoreboardError {
  return scoreboardError(`Cannot open ${boardPath}`, failure, boardPath)
}

function missing(boardPath: string): ScoreboardError {
  return new ScoreboardError(
    'ERR_NOT_A_BOARD',
    `Cannot open ${boardPath}: there is no board yet${unmountedHint(dirname(boardPath)) || '; a worker makes it, or new Scoreboard() without readOnly'}`,
  )
}

function linkedError(board: NativeBoard, boardPath: string): ScoreboardError {
  return new ScoreboardError(
    'ERR_INSECURE_PATH',
    `Cannot use ${boardPath}: it has ${board.links} names (hard links), and so may be another board; remove it, or the others`,
  )
}

/** Makes the directory if it may, and refuses one that others could play tricks in. */
function prepareDirectory({ baseDir, mode, readOnly }: CheckedOptions): Stats {
  try {
    if (readOnly) return directoryAt(baseDir)
    makeDirectory(baseDir, mode | ((mode & 0o444) >> 2))
    return checkDirectory(baseDir, mode)
  } catch (cause) {
    if (cause instanceof ScoreboardError) throw cause
    const { code, syscall } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' && readOnly) throw missing(join(baseDir, BOARD_FILE))
    if (code === 'ENOTDIR' && syscall === 'lstat') {
      const why = `Cannot open the board in ${baseDir}: this is not a directory`
      throw new ScoreboardError('ERR_NOT_A_BOARD', why, { cause })
    }
    const attempt = `Cannot ${syscall === 'mkdir' ? 'make' : 'open the board in'} ${baseDir}`
    throw fileSystemError(attempt, cause, join(baseDir, BOARD_FILE))
  }
}

function planFor(boardPath: string, options: CheckedOptions, old?: NativeBoard): BoardPlan {
  const { geometry } = options
  return {
    path: boardPath,
    temporary: join(options.baseDir, `${TEMPORARY_PREFIX}${randomName(8)}`),
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
  throw scoreboardError(`Cannot create ${boardPath}`, failure, boardPath)
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
  throw scoreboardError(`Cannot replace ${boardPath}, ${why}`, failure, boardPath)
}

/** False: somebody has put another in its place meanwhile, or is just doing so; open the name again. */
function enter(board: NativeBoard, boardPath: string): boolean {
  const failure = board.enter()
  if (failure === undefined) return true
  if (failure.code === 'BUSY') sleepSync(1 + Math.random() * 20)
  if (failure.code === 'BUSY' || failure.code === 'REPLACED') return false
  throw scoreboardError(`Cannot use ${boardPath}`, failure, boardPath)
}

/**
 * Whom a board may belong to. A writer lets all of them write to its memory whom `mode` lets write to the file. A
 * reader is safe from whatever the bytes are, and so asks only whose word the directory stands for: whoever may
 * put a board into one of its own or of root may speak there.
 */
function checkOwner(board: NativeBoard, boardPath: string, directory: Stats, options: CheckedOptions): void {
  const isShared = (options.mode & 0o022) !== 0
  const isVouchedFor = options.readOnly
    ? board.uid === directory.uid || isTrusted(directory.uid, options.baseDir)
    : isShared
  if (isTrusted(board.uid, boardPath) || isVouchedFor) return
  const remedy = options.readOnly
    ? 'the two must be the same, or the directory your own or of root'
    : "allow others to write with the option 'mode', as its maker did, or use another directory"
  throw new ScoreboardError(
    'ERR_INSECURE_PATH',
    `Cannot use ${boardPath}: it belongs to ${userText(board.uid)}, its directory to ${userText(directory.uid)}; ${remedy}`,
  )
}

/**
 * Whether the file has no second name, by which it would be another board too. One that is just being made has
 * two, and keeps them where its maker was killed: both are in this directory.
 */
function hasOneName(board: NativeBoard, boardPath: string): boolean {
  if (board.links <= 1) return true
  const directory = dirname(boardPath)
  const isSame = (name: string) => statsOf(join(directory, name))?.ino === board.inode
  const ours = (namesIn(directory) ?? []).filter((name) => TEMPORARY.test(name) && isSame(name))
  // After the names: a maker that has removed its own meanwhile is not missed.
  const now = statsOf(boardPath)
  return now?.ino === board.inode && now.nlink - ours.length <= 1
}

/** Whether the directory's name for a board leads to this one, and not to one that has taken its place. */
export function hasItsName(board: NativeBoard, baseDir: string): boolean {
  const named = native.open(join(baseDir, BOARD_FILE), true, true, 1)
  if (isFailure(named)) return false
  named.close()
  return named.boardId === board.boardId
}

/** Removes the temporary files of creators that are gone. Returns how many. */
export function removeAbandonedTemporaries(baseDir: string, names: readonly string[]): number {
  let removed = 0
  for (const name of names) {
    const temporary = join(baseDir, name)
    if (!TEMPORARY.test(name) || !isRegularFile(temporary) || !native.isAbandoned(temporary)) continue
    if (removeFile(temporary)) removed++
  }
  return removed
}
