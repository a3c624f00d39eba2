// Overflow files as one reader has them: read once, because nothing in them ever changes.

import { type ExpectedFile, type OverflowReading, readOverflow } from './overflow'

/** All that a reader keeps; longer files are read each time. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024

interface KeptFile extends ExpectedFile {
  bytes: Buffer
}

export class OverflowReader {
  readonly #directory: string
  readonly #maxBytes: number
  /** By slot. */
  readonly #kept = new Map<number, KeptFile>()
  #keptBytes = 0

  constructor(directory: string, maxBytes: number) {
    this.#directory = directory
    this.#maxBytes = maxBytes
  }

  /** The bytes are kept: the caller does not change them. */
  read(expected: ExpectedFile): OverflowReading {
    const kept = this.#kept.get(expected.slot)
    if (kept !== undefined && isSame(kept, expected)) return { bytes: kept.bytes }
    const found = readOverflow(this.#directory, expected, this.#maxBytes)
    if ('bytes' in found) this.#keep(expected, found.bytes, kept)
    return found
  }

  #keep(expected: ExpectedFile, bytes: Buffer, instead: KeptFile | undefined): void {
    if (bytes.length > MAX_KEPT_BYTES / 4) return
    this.#keptBytes += bytes.length - (instead?.bytes.length ?? 0)
    if (this.#keptBytes > MAX_KEPT_BYTES) {
      this.#kept.clear()
      this.#keptBytes = bytes.length
    }
    this.#kept.set(expected.slot, { ...expected, bytes })
  }
}

/** Length and checksum too: whoever can write the board can name one file as if it were another. */
function isSame(a: ExpectedFile, b: ExpectedFile): boolean {
  return (
    a.boardId === b.boardId &&
    a.epoch === b.epoch &&
    a.generation === b.generation &&
    a.length === b.length &&
    a.crc32c === b.crc32c &&
    a.uid === b.uid
  )
}
