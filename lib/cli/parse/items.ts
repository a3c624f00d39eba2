// Items on standard input or in a file: one a line, or ended by NUL.

import { createReadStream } from 'node:fs'

/** The items as they arrive; nothing but the piece at hand is kept. An empty line is an item, no end of line at the end is fine. */
export async function* readItems(from: string, nul: boolean): AsyncGenerator<string, void, undefined> {
  const stream = from === '-' ? process.stdin : createReadStream(from)
  const end = nul ? '\0' : '\n'
  stream.setEncoding('utf8')
  let rest = ''
  for await (const chunk of stream as AsyncIterable<string>) {
    const pieces = (rest + chunk).split(end)
    rest = pieces.pop()!
    for (const piece of pieces) yield nul ? piece : piece.replace(/\r$/, '')
  }
  if (rest !== '') yield rest
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
