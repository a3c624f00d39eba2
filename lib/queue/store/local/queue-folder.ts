// Where a queue on this machine lies: `DIR/queue`, a folder that comes and goes as a whole.
//
//   DIR/queue/<id>.db    the nodes (and `-wal`, `-shm` beside it); the id is random
//   DIR/queue/board      the timers
//   DIR/queue/acks-<wid> the ack log of a timer, while it needs one
//   DIR/queue/guard-<node> locked by whoever ends the commands of a timer, should its process die
//   DIR/.new-<random>    a folder that is being made; it gets its name when it is complete
//   DIR/.gone-<random>   a folder that is being deleted
//
// Only who holds the database's write lock, and has seen under it that `DIR/queue` still has that
// database, may move the folder away; so nobody moves one that was put there meanwhile. A process
// that is killed anywhere leaves a queue, or none, and names that the next one sweeps away.

import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { getSystemErrorName } from 'node:util'
import type { Scoreboard } from '../../../scoreboard/scoreboard'
import {
  ScoreboardError,
  type ScoreboardErrorCode,
  WatchdogError,
  type WatchdogErrorCode,
} from '../../../util/errors'
import { createDatabase, LocalDatabase } from './database'
import { openSlotBoard, TimerSlots } from './timer-slots'

const FOLDER = 'queue'
const DATABASE = /^[0-9a-f]{16}\.db$/
/** What a board that was made where a queue had just been consists of. */
const BOARD_ONLY = /^(board|\.board\..*|ov-.*|acks-.*|guard-.*)$/
const LEFTOVER = /^\.(new|gone)-[0-9a-f]{16}$/
/** A folder in the making that was not touched for this long has lost its maker. */
const ABANDONED_MS = 60_000

function randomName(): string {
  return randomBytes(8).toString('hex')
}

const OF_BOARD: Partial<Record<ScoreboardErrorCode, WatchdogErrorCode>> = {
  ERR_NO_SPACE: 'ERR_NO_SPACE',
  ERR_OVERFLOW_WRITE: 'ERR_NO_SPACE',
  ERR_BOARD_FULL: 'ERR_NO_SPACE',
  ERR_READ_ONLY: 'ERR_READ_ONLY',
  ERR_INSECURE_PATH: 'ERR_AUTH',
  ERR_UNSUPPORTED_FS: 'ERR_UNSUPPORTED',
  ERR_LOCKS_UNSUPPORTED: 'ERR_UNSUPPORTED',
  ERR_VERSION: 'ERR_VERSION',
  ERR_GEOMETRY_MISMATCH: 'ERR_VERSION',
  ERR_NOT_A_BOARD: 'ERR_CORRUPT',
  ERR_CORRUPT_HEADER: 'ERR_CORRUPT',
  ERR_ENDIAN: 'ERR_CORRUPT',
  ERR_BUSY: 'ERR_TIMEOUT',
  ERR_BOARD_REPLACED: 'ERR_CLOSED',
  ERR_CLOSED: 'ERR_CLOSED',
}

const OF_ERRNO: Record<string, WatchdogErrorCode> = {
  EACCES: 'ERR_AUTH',
  EPERM: 'ERR_AUTH',
  EROFS: 'ERR_READ_ONLY',
  ENOSPC: 'ERR_NO_SPACE',
  EDQUOT: 'ERR_NO_SPACE',
  ENOTDIR: 'ERR_UNSUPPORTED',
}

/** What an error of the board or of the file system means to a user of the queue. */
export function folderError(cause: unknown, url: string): unknown {
  if (cause instanceof ScoreboardError) {
    // A directory that cannot be made or written to.
    const byErrno = cause.errno === undefined ? undefined : errnoCode(cause.errno)
    const code = OF_BOARD[cause.code] ?? byErrno ?? 'ERR_SYSTEM'
    return new WatchdogError(code, `The queue at ${url} cannot be used: ${cause.message}`, { cause })
  }
  const { code, syscall, message } = cause as NodeJS.ErrnoException
  if (syscall === undefined || code === undefined) return cause
  return new WatchdogError(OF_ERRNO[code] ?? 'ERR_SYSTEM', `The queue at ${url} cannot be used: ${message}`, {
    cause,
  })
}

function errnoCode(errno: number): WatchdogErrorCode | undefined {
  return OF_ERRNO[getSystemErrorName(-errno)]
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

/** The names in a directory; undefined when it is missing. */
function namesIn(directory: string): string[] | undefined {
  try {
    return fs.readdirSync(directory)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function syncToDisk(file: string): void {
  const descriptor = fs.openSync(file, 'r')
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/** Makes a complete folder with the root's node in it. `'exists'`: somebody was first. */
export function makeQueueFolder(directory: string, root: Uint8Array): 'created' | 'exists' {
  fs.mkdirSync(path.dirname(directory), { recursive: true })
  makeDirectory(directory)
  sweep(directory)
  const building = path.join(directory, `.new-${randomName()}`)
  const folder = path.join(directory, FOLDER)
  fs.mkdirSync(building, { mode: 0o700 })
  try {
    createDatabase(path.join(building, `${randomName()}.db`), root)
    openSlotBoard(building).close()
    syncToDisk(building)
    fs.renameSync(building, folder)
  } catch (error) {
    fs.rmSync(building, { recursive: true, force: true })
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall !== 'rename' || (code !== 'ENOTEMPTY' && code !== 'EEXIST')) throw error
    clearStray(directory)
    return 'exists'
  }
  syncToDisk(directory)
  return 'created'
}

function makeDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Takes away a folder that has only a board: made by who came a moment after the queue had gone. */
function clearStray(directory: string): void {
  const folder = path.join(directory, FOLDER)
  const names = namesIn(folder)
  if (names === undefined || !names.every((name) => BOARD_ONLY.test(name))) return
  const gone = path.join(directory, `.gone-${randomName()}`)
  try {
    fs.renameSync(folder, gone)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  // Should a queue have taken its place in this very moment, it goes back.
  if (namesIn(gone)?.some((name) => DATABASE.test(name))) fs.renameSync(gone, folder)
  else fs.rmSync(gone, { recursive: true, force: true })
}

/** Removes what makers and destroyers that were killed have left. */
function sweep(directory: string): void {
  for (const name of namesIn(directory) ?? []) {
    const kind = LEFTOVER.exec(name)?.[1]
    if (kind === undefined) continue
    const leftover = path.join(directory, name)
    if (kind === 'new') {
      const stats = fs.statSync(leftover, { throwIfNoEntry: false })
      if (stats === undefined || Date.now() - stats.mtimeMs < ABANDONED_MS) continue
    }
    fs.rmSync(leftover, { recursive: true, force: true })
  }
}

/** Whether a folder is there that may be a queue's. */
export function hasPlace(directory: string): boolean {
  return fs.existsSync(path.join(directory, FOLDER))
}

export class QueueFolder {
  readonly directory: string
  readonly folder: string
  readonly database: LocalDatabase
  readonly board: Scoreboard
  readonly slots: TimerSlots
  #isClosed = false

  private constructor(directory: string, database: LocalDatabase, board: Scoreboard) {
    this.directory = directory
    this.folder = path.join(directory, FOLDER)
    this.database = database
    this.board = board
    this.slots = new TimerSlots(this.folder, board, database)
  }

  /** Opens what is there; undefined when there is nothing. */
  static open(directory: string, url: string): QueueFolder | undefined {
    const folder = path.join(directory, FOLDER)
    for (;;) {
      const names = namesIn(folder)
      if (names === undefined) return undefined
      const name = names.find((one) => DATABASE.test(one))
      if (name === undefined) {
        if (names.every((one) => BOARD_ONLY.test(one))) return undefined
        throw new WatchdogError(
          'ERR_UNSUPPORTED',
          `What is in ${folder} is not a queue of rollcall; it is left alone`,
        )
      }
      const file = path.join(folder, name)
      const place = QueueFolder.#open(directory, file, url)
      if (place !== undefined) return place
    }
  }

  static #open(directory: string, file: string, url: string): QueueFolder | undefined {
    let database: LocalDatabase | undefined
    let place: QueueFolder | undefined
    try {
      // SQLite's own words for what may go wrong here say nothing.
      fs.accessSync(file, fs.constants.R_OK | fs.constants.W_OK)
      database = new LocalDatabase(file)
      const board = openSlotBoard(path.dirname(file))
      place = new QueueFolder(directory, database, board)
      // Both of the same queue, if its folder has not been moved since.
      if (place.isThere) return place
    } catch (error) {
      database?.close()
      if (!fs.existsSync(file)) return undefined
      throw folderError(error, url)
    }
    place.close()
    return undefined
  }

  /** Whether the folder is still in its place. */
  get isThere(): boolean {
    return !this.#isClosed && fs.existsSync(this.database.path)
  }

  /** What is in the folder. */
  get names(): string[] {
    return namesIn(this.folder) ?? []
  }

  /** Tells everybody that nodes have changed. */
  announce(): void {
    if (!this.#isClosed) this.board.shared.add('changed')
  }

  /** Takes the folder away, within a transaction that has emptied it. */
  moveAway(): string {
    const gone = path.join(this.directory, `.gone-${randomName()}`)
    fs.renameSync(this.folder, gone)
    return gone
  }

  /** Deletes what was moved away, and the directory if that was all. */
  remove(gone: string): void {
    fs.rmSync(gone, { recursive: true, force: true })
    sweep(this.directory)
    try {
      fs.rmdirSync(this.directory)
    } catch {
      // It has other things in it, or is not ours to remove.
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.slots.close()
    this.board.close()
    this.database.close()
  }
}
