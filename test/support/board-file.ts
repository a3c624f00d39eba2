// The bytes of a board file as docs/FORMAT.md documents them, for tests that damage some.

import fs from 'node:fs'
import { endianness } from 'node:os'
import { native } from '../../lib/binding'

const isLittle = endianness() === 'LE'

/** Offset and size of every field of the header. */
export const HEADER_FIELDS = {
  magic: [0, 8],
  layoutMajor: [8, 2],
  layoutMinor: [10, 2],
  headerBytes: [12, 4],
  incompatibleFeatures: [16, 4],
  compatibleFeatures: [20, 4],
  slotCount: [24, 4],
  slotStride: [28, 4],
  inlineBytes: [32, 4],
  sharedBytes: [36, 4],
  counterCount: [40, 2],
  sharedCount: [42, 2],
  fileBytes: [48, 8],
  boardId: [56, 16],
  bootId: [72, 16],
  createdAt: [88, 8],
  crc32c: [252, 4],
  counterTable: [256, 64],
} as const satisfies Record<string, readonly [offset: number, size: number]>

export type HeaderField = keyof typeof HEADER_FIELDS

/** Offsets inside a slot. */
export const SLOT = {
  seq: 0,
  epoch: 8,
  state: 16,
  heartNs: 64,
  heartEpoch: 72,
  inspectedNs: 80,
  heartEveryMs: 88,
  identity: 128,
  processStart: 128 + 8,
  pidNamespace: 128 + 16,
  idBytes: 128 + 36,
  id: 128 + 40,
} as const

/** Offsets inside a record. */
export const RECORD = {
  length: 0,
  kind: 4,
  encoding: 5,
  epoch: 8,
  generation: 32,
  wholeLength: 40,
  crc32c: 48,
  payload: 64,
} as const

export class BoardBytes {
  readonly path: string
  readonly bytes: Buffer

  constructor(path: string) {
    this.path = path
    this.bytes = fs.readFileSync(path)
  }

  read(offset: number, size: number): bigint {
    if (size === 8) return isLittle ? this.bytes.readBigUInt64LE(offset) : this.bytes.readBigUInt64BE(offset)
    return BigInt(isLittle ? this.bytes.readUIntLE(offset, size) : this.bytes.readUIntBE(offset, size))
  }

  write(offset: number, size: number, value: bigint | number): void {
    const word = Buffer.alloc(8)
    if (isLittle) word.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)))
    else word.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)))
    word.copy(this.bytes, offset, isLittle ? 0 : 8 - size, isLittle ? size : 8)
  }

  header(field: HeaderField): bigint {
    const [offset, size] = HEADER_FIELDS[field]
    return this.read(offset, size)
  }

  setHeader(field: HeaderField, value: bigint | number): void {
    const [offset, size] = HEADER_FIELDS[field]
    this.write(offset, size, value)
  }

  /** Makes the header's checksum right again, as somebody hostile would. */
  signHeader(): void {
    this.setHeader('crc32c', 0)
    const header = this.bytes.subarray(0, Number(this.header('headerBytes')))
    this.setHeader('crc32c', native.crc32c(header))
  }

  slotOffset(slot: number): number {
    const before = this.header('headerBytes') + this.header('sharedBytes')
    return Number(before + BigInt(slot) * this.header('slotStride'))
  }

  /** Where the newest record of a slot begins. */
  recordOffset(slot: number): number {
    const roundUp = (bytes: number) => Math.ceil(bytes / 128) * 128
    const counters = roundUp(8 * Number(this.header('counterCount')))
    const recordBytes = roundUp(64 + Number(this.header('inlineBytes')))
    const seq = this.read(this.slotOffset(slot) + SLOT.seq, 8)
    return this.slotOffset(slot) + 384 + counters + Number((seq >> 1n) & 1n) * recordBytes
  }

  /** Writes everything back into the same file, in place. */
  save(): void {
    const descriptor = fs.openSync(this.path, 'r+')
    fs.writeSync(descriptor, this.bytes, 0, this.bytes.length, 0)
    fs.closeSync(descriptor)
  }
}
