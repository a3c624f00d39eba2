// From a directory's name to an open board: makes what is missing, refuses what cannot be trusted.

import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import path from 'node:path'
import { type BoardPlan, CounterKind, type Failure, isFailure, type NativeBoard, native } from '../binding'
import { ScoreboardError } from '../util/errors'
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
import type { CheckedOptions, NamedKind, WantedGeometry } from './board-options'
import { fileSystemError, scoreboardError } from './failures'
import { removeFilesOfBoard } from './overflow'

export const BOARD_FILE = 'board'
const TEMPORARY_PREFIX = '.board.'
export const TEMPORARY = /^\.board\.[0-9a-f]{16}$/
const DEFAULT_SLOTS = 1024
const DEFAULT_INLINE_BYTES = 1024

/** Each round that ends without a board was lost to somebody who made, replaced or removed one. */
const MAX_ROUNDS = 100

export function openBoard(options: CheckedOptions): NativeBoard {
  const directory = prepareDirectory(options)
  const boardPath = path.join(options.baseDir, BOARD_FILE)
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const board = native.open(boardPath, options.readOnly, options.anyFilesystem, options.maxStatusBytes)
    if (isFailure(board)) {
      if (board.code !== 'GONE') throw openError(boardPath, board)
      if (options.readOnly) throw missing(boardPath)
      create(boardPath, options)
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
      checkGeometry(board, boardPath, options.geometry)
      return board
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
    `Cannot open ${boardPath}: there is no board yet; a worker makes it, or new Scoreboard() without readOnly`,
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
    if (code === 'ENOENT' && readOnly) throw missing(path.join(baseDir, BOARD_FILE))
    if (code === 'ENOTDIR' && syscall === 'lstat') {
      const why = `Cannot open the board in ${baseDir}: this is not a directory`
      throw new ScoreboardError('ERR_NOT_A_BOARD', why, { cause })
    }
    throw fileSystemError(`Cannot ${syscall === 'mkdir' ? 'make' : 'open the board in'} ${baseDir}`, cause)
  }
}

function planFor(boardPath: string, options: CheckedOptions, old?: NativeBoard): BoardPlan {
  const { geometry } = options
  return {
    path: boardPath,
    temporary: path.join(options.baseDir, `${TEMPORARY_PREFIX}${randomBytes(8).toString('hex')}`),
    slots: geometry.slots ?? old?.slots ?? DEFAULT_SLOTS,
    inlineBytes: geometry.inlineBytes ?? old?.inlineBytes ?? DEFAULT_INLINE_BYTES,
    counters: geometry.counters ?? (old ? ownNames(old) : []),
    sharedCounters: geometry.sharedCounters ?? (old ? sharedNames(old) : []),
    boardId: randomBytes(16),
    mode: options.mode,
    anyFilesystem: options.anyFilesystem,
  }
}

function create(boardPath: string, options: CheckedOptions): void {
  const failure = native.create(planFor(boardPath, options))
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
  throw scoreboardError(`Cannot replace ${boardPath}, which is from an earlier boot`, failure)
}

/**
 * Whom a board may belong to. A writer lets all of them write to its memory whom `mode` lets write to the file. A
 * reader is safe from whatever the bytes are, and so asks only whose word the directory stands for: whoever may
 * put a board into one of its own or of root may speak there.
 */
function checkOwner(board: NativeBoard, boardPath: string, directory: Stats, options: CheckedOptions): void {
  const isShared = (options.mode & 0o022) !== 0
  const isVouchedFor = options.readOnly ? board.uid === directory.uid || isTrusted(directory.uid) : isShared
  if (isTrusted(board.uid) || isVouchedFor) return
  const remedy = options.readOnly
    ? 'the two must be the same, or the directory your own or of root'
    : "allow others to write with the option 'mode', as its maker did, or use another directory"
  throw new ScoreboardError(
    'ERR_INSECURE_PATH',
    `Cannot use ${boardPath}: it belongs to user ${board.uid}, its directory to user ${directory.uid}; ${remedy}`,
  )
}

/**
 * Whether the file has no second name, by which it would be another board too. One that is just being made has
 * two, and keeps them where its maker was killed: both are in this directory.
 */
function hasOneName(board: NativeBoard, boardPath: string): boolean {
  if (board.links <= 1) return true
  const directory = path.dirname(boardPath)
  const isSame = (name: string) => statsOf(path.join(directory, name))?.ino === board.inode
  const ours = (namesIn(directory) ?? []).filter((name) => TEMPORARY.test(name) && isSame(name))
  // After the names: a maker that has removed its own meanwhile is not missed.
  const now = statsOf(boardPath)
  return now?.ino === board.inode && now.nlink - ours.length <= 1
}

function ownNames(board: NativeBoard): NamedKind[] {
  return board.names.filter(([, kind]) => kind !== CounterKind.shared)
}

function sharedNames(board: NativeBoard): NamedKind[] {
  return board.names.filter(([, kind]) => kind === CounterKind.shared)
}

function describeNames(names: NamedKind[]): string {
  const kinds = names.map(([name, kind]) => {
    return `${name}${kind === CounterKind.gauge ? ' (gauge)' : kind === CounterKind.counter ? ' (counter)' : ''}`
  })
  return kinds.length === 0 ? 'none' : kinds.sort().join(', ')
}

function checkGeometry(board: NativeBoard, boardPath: string, wanted: WantedGeometry): void {
  const compare = (what: string, asked: unknown, has: unknown) => {
    if (asked === undefined || asked === has) return
    throw new ScoreboardError(
      'ERR_GEOMETRY_MISMATCH',
      `Cannot open ${boardPath} with ${what} ${asked}: it was made with ${has}; leave the option out to use the board as it is`,
    )
  }
  compare('slots', wanted.slots, board.slots)
  compare('inlineBytes', wanted.inlineBytes, board.inlineBytes)
  compare('counters', wanted.counters && describeNames(wanted.counters), describeNames(ownNames(board)))
  const shared = wanted.sharedCounters && describeNames(wanted.sharedCounters)
  compare('sharedCounters', shared, describeNames(sharedNames(board)))
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
    const temporary = path.join(baseDir, name)
    if (!TEMPORARY.test(name) || !isRegularFile(temporary) || !native.isAbandoned(temporary)) continue
    if (removeFile(temporary)) removed++
  }
  return removed
}
