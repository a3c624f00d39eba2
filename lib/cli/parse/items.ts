// Items on standard input or in a file: one a line, or ended by NUL.

import { createReadStream } from 'node:fs'

import { MAX_ITEM_BYTES } from '../../util/bounds'
import { WatchdogError } from '../../util/errors'

/**
 * The items as they arrive; nothing but the piece at hand is kept. An empty line is an item, no end of line at the end
 * is fine.
 *
 * @throws {WatchdogError} `ERR_TOO_LARGE`, as soon as an item is longer than a queue takes, whether or not it ends
 */
export async function* readItems(from: string, nul: boolean): AsyncGenerator<string, void, undefined> {
  const stream = from === '-' ? process.stdin : createReadStream(from)
  const end = nul ? '\0' : '\n'
  stream.setEncoding('utf8')
  /** Of the item at hand, as they came: joined once. */
  let pieces: string[] = []
  let length = 0
  let position = 0
  const finished = (last: string): string => {
    const item = pieces.length === 0 ? last : [...pieces, last].join('')
    pieces = []
    length = 0
    position++
    return nul ? item : item.replace(/\r$/, '')
  }
  for await (const chunk of stream as AsyncIterable<string>) {
    let from = 0
    for (let at = chunk.indexOf(end); at >= 0; at = chunk.indexOf(end, from)) {
      yield finished(chunk.slice(from, at))
      from = at + 1
    }
    if (from === chunk.length) continue
    pieces.push(chunk.slice(from))
    length += chunk.length - from
    if (length > MAX_ITEM_BYTES) throw endless(position, nul)
  }
  if (length > 0) yield finished('')
}

function endless(position: number, nul: boolean): WatchdogError {
  const end = nul ? 'a NUL' : 'a line end'
  return new WatchdogError(
    'ERR_TOO_LARGE',
    `Item ${position} has more than ${MAX_ITEM_BYTES} bytes and no end yet; items end with ${end}${nul ? '' : ', with --null by a NUL'}`,
  )
}

/** An item as one line of text. */
export function showItem(item: unknown): string {
  if (typeof item === 'string') return item
  return item instanceof Uint8Array ? Buffer.from(item).toString('latin1') : JSON.stringify(item)
}

/** An item as JSON can say it. */
export function jsonItem(item: unknown): unknown {
  return item instanceof Uint8Array ? { type: 'bytes', base64: Buffer.from(item).toString('base64') } : item
}
