// Overflow files: statuses that do not fit into a slot.
//
// `ov-<board id>-<slot>-<epoch>-<generation>` is written once, never changed, and then named by a
// record in the slot, which also says how long it is and what its CRC32C is. A reader builds the
// name from these integers, never from text that it found. The owner removes a file when neither
// of its two newest records can name it any more; whoever retires a dead owner removes the rest.

import { closeSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { native } from '../binding'
import { ScoreboardError } from '../util/errors'
import { pathHint } from '../util/path-trouble'
import { isRegularFile, namesIn, openToRead, readInto, removeFile, writeNew } from '../util/trust'
import { userHint } from '../util/users'

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
  readonly #uid = process.geteuid?.()
  /** Oldest first. */
  readonly #files: WrittenFile[] = []
  #generation = 0
  #publications = 0

  constructor(directory: string, mode: number, owner: Omit<OverflowName, 'generation'>) {
    this.#pathPrefix = join(directory, overflowFileName({ ...owner, generation: 0 })).slice(0, -1)
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
    try {
      // Readers take a file for its worker's by the user who owns the slot.
      if (process.geteuid?.() !== this.#uid) throw changedUser(this.#uid)
      writeNew(file, bytes, this.#mode)
    } catch (cause) {
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

function changedUser(uid: number | undefined): Error {
  return new Error(`this worker took its slot as user ${uid}`)
}

function writeError(file: string, length: number, cause: unknown): ScoreboardError {
  const { code, errno, syscall, message } = cause as NodeJS.ErrnoException
  return new ScoreboardError(
    'ERR_OVERFLOW_WRITE',
    `Cannot write a status of ${length} bytes to ${file}: ${message}${code === undefined ? userHint() : pathHint(code, file)}; the status before it stays published`,
    { cause, syscall, errno: errno === undefined ? undefined : Math.abs(errno) },
  )
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
  let opened: ReturnType<typeof openToRead>
  try {
    opened = openToRead(join(directory, name))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // Another one may be there in a moment; what is no file at all is not the worker's.
    return { problem: code === 'ELOOP' || code === undefined ? 'corrupt' : 'missing', why: message }
  }
  const { descriptor, stats } = opened
  try {
    return readChecked(descriptor, stats, expected)
  } catch (error) {
    return { problem: 'corrupt', why: (error as Error).message }
  } finally {
    closeSync(descriptor)
  }
}

function readChecked(descriptor: number, stats: Stats, expected: ExpectedFile): OverflowReading {
  const name = overflowFileName(expected)
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
  const length = readInto(descriptor, bytes)
  if (length < bytes.length) return { problem: 'corrupt', why: `${name} ended after ${length} bytes` }
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
    if (removeFile(join(directory, overflowFileName({ ...newest, generation })))) removed++
  }
  return removed
}

/** Removes all files of a board that does not exist any more. Returns how many. */
export function removeFilesOfBoard(directory: string, boardId: string): number {
  let removed = 0
  for (const name of namesIn(directory) ?? []) {
    if (parseOverflowFileName(name)?.boardId !== boardId) continue
    const file = join(directory, name)
    if (isRegularFile(file) && removeFile(file)) removed++
  }
  return removed
}
