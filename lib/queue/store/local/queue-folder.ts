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

import path from 'node:path'
import type { Scoreboard } from '../../../scoreboard/scoreboard'
import { WatchdogError } from '../../../util/errors'
import { randomName } from '../../../util/random-name'
import {
  checkAccess,
  checkDirectory,
  isRegularFile,
  isThere,
  isTrusted,
  makeDirectory,
  move,
  namesIn,
  removeEmpty,
  removeFolder,
  statsOf,
  syncToDisk,
} from '../../../util/trust'
import { isLogName } from './ack-log-name'
import { checkAbove, checkPlace, createDatabase, type PlaceTrust } from './connection'
import { LocalDatabase } from './database'
import { folderError } from './folder-errors'
import { isGuardName } from './guards'
import { isIdleSlotBoard, openSlotBoard, TimerSlots } from './timer-slots'

const FOLDER = 'queue'
const DATABASE = /^[0-9a-f]{16}\.db$/
/** All that a queue has in its folder, beside the ack logs and guards. */
const QUEUE_FILE =
  /^([0-9a-f]{16}\.db(-wal|-shm|-journal)?|board|\.board\.[0-9a-f]{16}|ov-[0-9a-f]{32}(-\d+){3})$/
const LEFTOVER = /^\.(new|gone)-[0-9a-f]{16}$/
/** A folder in the making that was not touched for this long has lost its maker. */
const ABANDONED_MS = 60_000

function isQueueFile(name: string): boolean {
  return QUEUE_FILE.test(name) || isLogName(name) || isGuardName(name)
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

/** The names in a folder that nobody else may change; undefined: it is missing. */
function trustedNamesIn(directory: string, folder: string, trust: PlaceTrust): string[] | undefined {
  if (statsOf(folder) === undefined) return undefined
  try {
    checkPlace(directory, trust)
    checkDirectory(folder)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  return namesIn(folder)
}

/** Makes a complete folder with the root's node in it. `'exists'`: somebody was first. */
export function makeQueueFolder(
  directory: string,
  root: Uint8Array,
  trust: PlaceTrust = {},
): 'created' | 'exists' {
  checkAbove(directory, trust)
  makeDirectory(directory, 0o700)
  checkPlace(directory, trust)
  sweep(directory)
  const building = path.join(directory, `.new-${randomName(8)}`)
  const folder = path.join(directory, FOLDER)
  makeDirectory(building, 0o700)
  try {
    createDatabase(path.join(building, `${randomName(8)}.db`), root)
    openSlotBoard(building).close()
    syncToDisk(building)
    move(building, folder)
  } catch (error) {
    removeFolder(building, isQueueFile)
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall !== 'rename' || (code !== 'ENOTEMPTY' && code !== 'EEXIST')) throw error
    clearStray(directory)
    return 'exists'
  }
  syncToDisk(directory)
  return 'created'
}

/** Whether a folder has only a board that a process of ours made there a moment after the queue had gone. */
function isStray(folder: string): boolean {
  const names = namesIn(folder) ?? []
  if (names.length === 0) return true
  const isOurs = (name: string) =>
    isQueueFile(name) && !DATABASE.test(name) && isRegularFile(path.join(folder, name))
  return names.every(isOurs) && isIdleSlotBoard(folder)
}

/** Takes such a folder away. */
function clearStray(directory: string): void {
  const folder = path.join(directory, FOLDER)
  const gone = goneName(directory)
  try {
    // Whoever else could put something there could swap it while its files are removed.
    checkDirectory(folder)
    if (!isStray(folder)) return
    move(folder, gone)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  // Should a queue have taken its place in this very moment, it goes back.
  if (isStray(gone)) removeGone(directory, gone)
  else move(gone, folder)
}

function goneName(directory: string): string {
  return path.join(directory, `.gone-${randomName(8)}`)
}

/** Deletes what a queue had in its folder. What somebody else has put there is kept beside it. */
function removeGone(directory: string, gone: string): void {
  if (!removeFolder(gone, isQueueFile)) move(gone, path.join(directory, `kept-${randomName(8)}`))
}

/** Removes what makers and destroyers that were killed have left, of this user or root. */
function sweep(directory: string): void {
  for (const name of namesIn(directory) ?? []) {
    const kind = LEFTOVER.exec(name)?.[1]
    if (kind === undefined) continue
    const leftover = path.join(directory, name)
    const stats = statsOf(leftover)
    if (stats === undefined || !stats.isDirectory() || !isTrusted(stats.uid, leftover)) continue
    if (kind === 'new' && Date.now() - stats.mtimeMs < ABANDONED_MS) continue
    removeGone(directory, leftover)
  }
}

export class QueueFolder {
  readonly directory: string
  readonly path: string
  readonly database: LocalDatabase
  readonly board: Scoreboard
  readonly slots: TimerSlots
  #isClosed = false

  private constructor(directory: string, database: LocalDatabase, board: Scoreboard) {
    this.directory = directory
    this.path = path.join(directory, FOLDER)
    this.database = database
    this.board = board
    this.slots = new TimerSlots(this.path, board, database)
  }

  /** Opens what is there; undefined when there is nothing. */
  static open(directory: string, url: string, trust: PlaceTrust = {}): QueueFolder | undefined {
    const folder = path.join(directory, FOLDER)
    for (;;) {
      const names = trustedNamesIn(directory, folder, trust)
      if (names === undefined) return undefined
      const name = names.find((one) => DATABASE.test(one))
      if (name === undefined) {
        if (isStray(folder)) return undefined
        throw new WatchdogError(
          'ERR_UNSUPPORTED',
          `What is in ${folder} is not a queue of rollcall; it is left alone`,
        )
      }
      const file = path.join(folder, name)
      const opened = QueueFolder.#open(directory, file, url, trust)
      if (opened !== undefined) return opened
    }
  }

  static #open(directory: string, file: string, url: string, trust: PlaceTrust): QueueFolder | undefined {
    let database: LocalDatabase | undefined
    let opened: QueueFolder | undefined
    try {
      // SQLite's own words for what may go wrong here say nothing.
      checkAccess(file)
      database = new LocalDatabase(file, trust)
      const board = openSlotBoard(path.dirname(file))
      opened = new QueueFolder(directory, database, board)
      // Both of the same queue, if its folder has not been moved since.
      if (opened.isThere) return opened
    } catch (error) {
      database?.close()
      if (!isThere(file)) return undefined
      throw folderError(error, url)
    }
    opened.close()
    return undefined
  }

  /** Whether the folder is still in its opened. */
  get isThere(): boolean {
    return !this.#isClosed && isThere(this.database.path)
  }

  /** What is in the folder. */
  get names(): string[] {
    return namesIn(this.path) ?? []
  }

  /** Tells everybody that nodes have changed. */
  announce(): void {
    if (!this.#isClosed) this.board.shared.add('changed')
  }

  /** Takes the folder away, within a transaction that has emptied it. */
  moveAway(): string {
    const gone = goneName(this.directory)
    move(this.path, gone)
    return gone
  }

  /** Deletes what was moved away, and the directory if that was all. */
  remove(gone: string): void {
    removeGone(this.directory, gone)
    sweep(this.directory)
    // It stays where it has other things in it, or is not ours to remove.
    removeEmpty(this.directory)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.slots.close()
    this.board.close()
    this.database.close()
  }
}
