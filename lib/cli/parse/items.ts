// Items on standard input or in a file: one a line, or ended by NUL; and items as text.

import { isUtf8 } from 'node:buffer'
import { createReadStream, statSync } from 'node:fs'
import { MAX_ITEM_BYTES } from '../../util/bounds'
import { WatchdogError } from '../../util/errors'

/** As a queue of lines has them: what is no UTF-8 (a file name can be) keeps its bytes. */
export type LineItem = string | Uint8Array

const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf)
const CARRIAGE_RETURN = 0x0d

/**
 * The items as they arrive; nothing but the piece at hand is kept. An empty line is an item, no end of line at the end
 * is fine.
 *
 * @throws {WatchdogError} `ERR_TOO_LARGE`, as soon as an item is longer than a queue takes, whether or not it ends
 */
export async function* readItems(from: string, nul: boolean): AsyncGenerator<LineItem, void, undefined> {
  if (from !== '-' && statSync(from, { throwIfNoEntry: false })?.isDirectory()) {
    const why = `${from} is a directory; give a file with an item on each line, or '-' and pipe them in`
    throw Object.assign(new Error(why), { code: 'EISDIR' })
  }
  const stream = from === '-' ? process.stdin : createReadStream(from)
  const end = nul ? 0 : 0x0a
  /** Of the item at hand, as they came: joined once. */
  let pieces: Buffer[] = []
  let length = 0
  let position = 0
  const finished = (last: Buffer): LineItem => {
    let bytes = pieces.length === 0 ? last : Buffer.concat([...pieces, last])
    pieces = []
    length = 0
    if (position++ === 0 && bytes.indexOf(BYTE_ORDER_MARK) === 0)
      bytes = bytes.subarray(BYTE_ORDER_MARK.length)
    if (!nul && bytes.at(-1) === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1)
    return isUtf8(bytes) ? bytes.toString() : Buffer.from(bytes)
  }
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0
    for (let at = chunk.indexOf(end); at >= 0; at = chunk.indexOf(end, start)) {
      yield finished(chunk.subarray(start, at))
      start = at + 1
    }
    if (start === chunk.length) continue
    pieces.push(chunk.subarray(start))
    length += chunk.length - start
    if (length > MAX_ITEM_BYTES) throw endless(position, nul)
  }
  if (length > 0) yield finished(Buffer.alloc(0))
}

function endless(position: number, nul: boolean): WatchdogError {
  const end = nul ? 'a NUL' : 'a line end'
  return new WatchdogError(
    'ERR_TOO_LARGE',
    `Item ${position} has no ${end.slice(2)} within ${MAX_ITEM_BYTES} bytes, and no item may be longer. Put it in a file and queue its name`,
  )
}

/** An item as one line of text; bytes that are no UTF-8 as `\xf3`. */
export function showItem(item: unknown): string {
  if (typeof item === 'string') return item
  return item instanceof Uint8Array ? showBytes(item) : JSON.stringify(item)
}

function showBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString()
  let text = ''
  for (const byte of bytes) {
    text += byte >= 0x80 ? `\\x${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte)
  }
  return text
}

/** An item as a program gets it. */
export function itemBytes(item: unknown): Buffer {
  if (item instanceof Uint8Array) return Buffer.from(item.buffer, item.byteOffset, item.length)
  return Buffer.from(typeof item === 'string' ? item : JSON.stringify(item))
}

/** An item as JSON can say it. */
export function jsonItem(item: unknown): unknown {
  return item instanceof Uint8Array ? { type: 'bytes', base64: Buffer.from(item).toString('base64') } : item
}
