// Overflow files: statuses that do not fit into a slot.
//
// `ov-<board id>-<slot>-<epoch>-<generation>` is written once, never changed, and then named by a
// record in the slot, which also says how long it is and what its CRC32C is. A reader builds the
// name from these integers, never from text that it found. The owner removes a file when neither
// of its two newest records can name it any more; whoever retires a dead owner removes the rest.

import fs from 'node:fs'
import path from 'node:path'
import { native } from '../binding'
import { ScoreboardError } from '../util/errors'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants
const NAME = /^ov-([0-9a-f]{32})-(\d+)-(\d+)-(\d+)$/

/** Which overflow file: integers only. */
export interface OverflowName {
  boardId: string
  slot: number
  epoch: number
  generation: number
}

export function overflowFileName(name: OverflowName): string {
  return `ov-${name.boardId}-${name.slot}-${name.epoch}-${name.generation}`
}

export function parseOverflowFileName(text: string): OverflowName | undefined {
  const match = NAME.exec(text)
  if (!match) return undefined
  return {
    boardId: match[1]!,
    slot: Number(match[2]),
    epoch: Number(match[3]),
    generation: Number(match[4]),
  }
}

interface WrittenFile {
  path: string
  /** Of the records published so far, the one that names it. */
  publication: number
}

/** The overflow files that one owner of a slot has written and that still exist. */
export class OverflowWriter {
  readonly #pathPrefix: string
  readonly #mode: number
  /** Oldest first. */
  readonly #files: WrittenFile[] = []
  #generation = 0
  #publications = 0

  constructor(directory: string, mode: number, owner: Omit<OverflowName, 'generation'>) {
    this.#pathPrefix = path.join(directory, overflowFileName({ ...owner, generation: 0 })).slice(0, -1)
    this.#mode = mode
  }

  /** Whether any is left. */
  get pending(): boolean {
    return this.#files.length > 0
  }

  /**
   * Writes a new file. Until the caller publishes the record that names it, nobody reads it.
   *
   * @returns its generation
   * @throws {ScoreboardError} `ERR_OVERFLOW_WRITE`; nothing is left behind
   */
  write(bytes: Uint8Array): number {
    const generation = ++this.#generation
    const file = this.#pathPrefix + generation
    let descriptor: number | undefined
    try {
      descriptor = fs.openSync(file, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, this.#mode)
      // The umask is for programs that were not told which bits to use.
      fs.fchmodSync(descriptor, this.#mode)
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(descriptor, bytes, at)
      fs.closeSync(descriptor)
    } catch (cause) {
      if (descriptor !== undefined) closeQuietly(descriptor)
      removeFile(file)
      throw writeError(file, bytes.length, cause)
    }
    this.#files.push({ path: file, publication: this.#publications + 1 })
    return generation
  }

  /** Call after each publication: removes files that no record can name any more. */
  afterPublish(): void {
    this.#publications++
    // The newest record and the one before it are still there: two buffers.
    while (this.#files.length > 0 && this.#publications - this.#files[0]!.publication >= 2) {
      removeFile(this.#files.shift()!.path)
    }
  }

  /** Removes the newest file, which was written and could not be published. */
  discardNewest(): void {
    removeFile(this.#files.pop()!.path)
  }

  /** REQUIRES: the slot is given up, so that no record names any of them. */
  removeAll(): void {
    for (const file of this.#files.splice(0)) removeFile(file.path)
  }
}

function writeError(file: string, length: number, cause: unknown): ScoreboardError {
  const { errno, syscall, message } = cause as NodeJS.ErrnoException
  return new ScoreboardError(
    'ERR_OVERFLOW_WRITE',
    `Cannot write a status of ${length} bytes to ${file}: ${message}; the status before it stays published`,
    { cause, syscall, errno: errno === undefined ? undefined : Math.abs(errno) },
  )
}

function closeQuietly(descriptor: number): void {
  try {
    fs.closeSync(descriptor)
  } catch {
    // The error that brought us here is the one to tell.
  }
}

export interface ExpectedFile extends OverflowName {
  length: number
  crc32c: number
  uid: number
}

/** The bytes of an overflow file, or what is wrong with it. */
export type OverflowReading = { bytes: Buffer } | { problem: 'missing' | 'corrupt'; why: string }

export function readOverflow(directory: string, expected: ExpectedFile, maxBytes: number): OverflowReading {
  const name = overflowFileName(expected)
  if (expected.length > maxBytes) {
    const why = `${name} has ${expected.length} bytes, more than this handle's maxStatusBytes of ${maxBytes}`
    return { problem: 'corrupt', why }
  }
  let descriptor: number
  try {
    descriptor = fs.openSync(path.join(directory, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { problem: code === 'ELOOP' ? 'corrupt' : 'missing', why: message }
  }
  try {
    return readChecked(descriptor, name, expected)
  } catch (error) {
    return { problem: 'corrupt', why: (error as Error).message }
  } finally {
    closeQuietly(descriptor)
  }
}

function readChecked(descriptor: number, name: string, expected: ExpectedFile): OverflowReading {
  const stats = fs.fstatSync(descriptor)
  if (!stats.isFile()) return { problem: 'corrupt', why: `${name} is not a regular file` }
  if (stats.uid !== expected.uid) {
    return {
      problem: 'corrupt',
      why: `${name} belongs to user ${stats.uid}, its worker to user ${expected.uid}`,
    }
  }
  if (stats.size !== expected.length) {
    return { problem: 'corrupt', why: `${name} has ${stats.size} bytes, its record says ${expected.length}` }
  }
  const bytes = Buffer.allocUnsafeSlow(expected.length)
  let length = 0
  while (length < bytes.length) {
    const count = fs.readSync(descriptor, bytes, length, bytes.length - length, length)
    if (count === 0) return { problem: 'corrupt', why: `${name} ended after ${length} bytes` }
    length += count
  }
  if (native.crc32c(bytes) !== expected.crc32c) {
    return { problem: 'corrupt', why: `${name} does not match the checksum in its record` }
  }
  return { bytes }
}

/**
 * Removes what a dead owner can have left: the file its newest record names, the one before, and
 * one that it had written and not yet published. Returns how many there were.
 */
export function removeFilesOfOwner(directory: string, newest: OverflowName): number {
  let removed = 0
  for (const generation of [newest.generation - 1, newest.generation, newest.generation + 1]) {
    if (generation < 1) continue
    if (removeFile(path.join(directory, overflowFileName({ ...newest, generation })))) removed++
  }
  return removed
}

/** Removes all files of a board that does not exist any more. */
export function removeFilesOfBoard(directory: string, boardId: string): void {
  for (const name of fs.readdirSync(directory)) {
    if (parseOverflowFileName(name)?.boardId === boardId) removeFile(path.join(directory, name))
  }
}

/** Whether there was one. Another cleaner may be quicker. */
export function removeFile(file: string): boolean {
  try {
    fs.unlinkSync(file)
    return true
  } catch {
    return false
  }
}
