// Pages of items: immutable, length-prefixed, at most MAX_PAGE_ITEMS items and MAX_PAGE_BYTES
// bytes, except that one big item may have a page of its own.
//
//   offset 0   u32  magic "RCP1"
//          4   u32  n, number of items
//          8   n x { u8 kind, u32 length, bytes }        little endian
//
// kind 0 is text (UTF-8), 1 is bytes, 2 is JSON.

import { isTooDeep, MAX_DEPTH, MAX_ITEM_BYTES, MAX_PAGE_ITEMS, parseJson } from '../../util/bounds'
import { describeValue } from '../../util/check-options'
import { WatchdogError } from '../../util/errors'
import type { NodeBuffer } from '../../util/node-types'

export const MAX_PAGE_BYTES = 512 * 1024

/**
 * A page has at most so small a part of the items before it, or is a short one: so that a queue has enough of them, to
 * its end, for its workers not to collide.
 */
const SHARE = 16
const SHORT_PAGE_ITEMS = 100

const MAGIC = 0x31504352
const HEADER_BYTES = 8
const PREFIX_BYTES = 5
const TEXT = 0
const BYTES = 1
const JSON_VALUE = 2

interface EncodedItem {
  readonly kind: number
  readonly bytes: Uint8Array
}

export function encodeItem(item: unknown): EncodedItem {
  if (typeof item === 'string') return { kind: TEXT, bytes: Buffer.from(item) }
  if (item instanceof Uint8Array) return { kind: BYTES, bytes: item }
  const json = JSON.stringify(item)
  if (json === undefined) {
    throw new TypeError(
      `Expected an item to be text, bytes or something JSON can say, got ${describeValue(item)}`,
    )
  }
  const bytes = Buffer.from(json)
  if (isTooDeep(bytes)) {
    throw new RangeError(`Expected an item to be nested at most ${MAX_DEPTH} levels deep`)
  }
  return { kind: JSON_VALUE, bytes }
}

function checkedItem(item: unknown, position: number): EncodedItem {
  const encoded = encodeItem(item)
  if (encoded.bytes.length > MAX_ITEM_BYTES) {
    throw new WatchdogError(
      'ERR_TOO_LARGE',
      `Item ${position} has ${encoded.bytes.length} bytes; at most ${MAX_ITEM_BYTES} are possible. Put it in a file or an object store and queue its name`,
    )
  }
  return encoded
}

/** How many bytes of a page an item takes. */
export function itemBytes(item: unknown): number {
  return PREFIX_BYTES + checkedItem(item, 0).bytes.length
}

function encodePage(items: readonly EncodedItem[], bytes: number): Buffer {
  const page = Buffer.allocUnsafe(HEADER_BYTES + bytes)
  page.writeUInt32LE(MAGIC, 0)
  page.writeUInt32LE(items.length, 4)
  let at = HEADER_BYTES
  for (const item of items) {
    page.writeUInt8(item.kind, at)
    page.writeUInt32LE(item.bytes.length, at + 1)
    page.set(item.bytes, at + PREFIX_BYTES)
    at += PREFIX_BYTES + item.bytes.length
  }
  return page
}

export interface EncodedPage {
  readonly size: number
  readonly bytes: NodeBuffer
}

/** Cuts items into pages as they come; nothing but the page at hand is kept. `isLong`: no short ones at first. */
export async function* encodePages(
  items: Iterable<unknown> | AsyncIterable<unknown>,
  { isLong = false }: { isLong?: boolean } = {},
): AsyncGenerator<EncodedPage, void, undefined> {
  let page: EncodedItem[] = []
  let bytes = 0
  let position = 0
  let most = isLong ? MAX_PAGE_ITEMS : SHORT_PAGE_ITEMS
  for await (const item of items) {
    const encoded = checkedItem(item, position++)
    const cost = PREFIX_BYTES + encoded.bytes.length
    if (page.length > 0 && (page.length === most || bytes + cost > MAX_PAGE_BYTES)) {
      yield { size: page.length, bytes: encodePage(page, bytes) }
      page = []
      bytes = 0
      most = Math.min(MAX_PAGE_ITEMS, Math.max(most, Math.floor((position - 1) / SHARE)))
    }
    page.push(encoded)
    bytes += cost
  }
  if (page.length > 0) yield { size: page.length, bytes: encodePage(page, bytes) }
}

/** A page of the items of one, and then those of the other. */
export function joinPages(first: EncodedPage, then: EncodedPage): EncodedPage {
  const bytes = Buffer.concat([first.bytes, then.bytes.subarray(HEADER_BYTES)])
  const size = first.size + then.size
  bytes.writeUInt32LE(size, 4)
  return { size, bytes }
}

/** How many items a page has; undefined where the bytes are no page. */
export function pageSize(page: NodeBuffer): number | undefined {
  if (page.length < HEADER_BYTES || page.readUInt32LE(0) !== MAGIC) return undefined
  const size = page.readUInt32LE(4)
  return size <= MAX_PAGE_ITEMS && size * PREFIX_BYTES <= page.length - HEADER_BYTES ? size : undefined
}

/** The offsets of all items of a page, so that one can be read without decoding the rest. */
export function pageIndex(page: NodeBuffer): Uint32Array | undefined {
  const size = pageSize(page)
  if (size === undefined) return undefined
  const offsets = new Uint32Array(size)
  let at = HEADER_BYTES
  for (let i = 0; i < size; i++) {
    if (at + PREFIX_BYTES > page.length || page.readUInt8(at) > JSON_VALUE) return undefined
    offsets[i] = at
    at += PREFIX_BYTES + page.readUInt32LE(at + 1)
  }
  return at === page.length ? offsets : undefined
}

/** @throws {SyntaxError} JSON that is none, or nested too deep */
export function itemAt(page: NodeBuffer, offset: number): unknown {
  const kind = page.readUInt8(offset)
  const from = offset + PREFIX_BYTES
  const to = from + page.readUInt32LE(offset + 1)
  if (kind === BYTES) return Buffer.from(page.subarray(from, to))
  return kind === TEXT ? page.toString('utf8', from, to) : parseJson(page.subarray(from, to))
}
