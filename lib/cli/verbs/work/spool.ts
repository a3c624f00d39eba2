// Output of one command that is held until it can be shown: in memory, and beyond 64 KiB in a file without a name.

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Stream = 1 | 2

const IN_MEMORY = 64 * 1024
const CHUNK = 64 * 1024

export class Spool {
  /** What came, in the order it came: how many bytes of which stream. */
  readonly #runs: { readonly stream: Stream; length: number }[] = []
  #memory: Buffer[] = []
  #inMemory = 0
  #file: number | undefined

  get isEmpty(): boolean {
    return this.#runs.length === 0
  }

  /** Throws what the file system says, when there is no room. */
  add(stream: Stream, bytes: Buffer): void {
    const last = this.#runs.at(-1)
    if (last?.stream === stream) last.length += bytes.length
    else this.#runs.push({ stream, length: bytes.length })
    if (this.#file === undefined && this.#inMemory + bytes.length <= IN_MEMORY) {
      // A copy: the bytes are a piece of a larger buffer, which must not stay for it.
      this.#memory.push(Buffer.from(bytes))
      this.#inMemory += bytes.length
      return
    }
    this.#file ??= namelessFile()
    for (const held of this.#memory.splice(0)) writeAll(this.#file, held)
    writeAll(this.#file, bytes)
  }

  /** All of it, in pieces, in the order it came. */
  *pieces(): Generator<{ stream: Stream; bytes: Buffer }, void, undefined> {
    const all = this.#read()
    let rest: Buffer = Buffer.alloc(0)
    for (const { stream, length } of this.#runs) {
      let left = length
      while (left > 0) {
        if (rest.length === 0) rest = all.next().value as Buffer
        const bytes = rest.subarray(0, left)
        rest = rest.subarray(bytes.length)
        left -= bytes.length
        yield { stream, bytes }
      }
    }
  }

  *#read(): Generator<Buffer, void, undefined> {
    if (this.#file === undefined) {
      yield* this.#memory
      return
    }
    let position = 0
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK)
      const got = readSync(this.#file, chunk, 0, CHUNK, position)
      if (got === 0) return
      position += got
      yield chunk.subarray(0, got)
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
    this.#memory = []
    this.#runs.length = 0
  }
}

function namelessFile(): number {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-output-'))
  try {
    return openSync(join(folder, 'held'), 'wx+', 0o600)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A file system that is nearly full takes a part. */
export function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
}
