// The workers of one machine as a picture: a pixel for each, coloured by its state, that the page draws larger. One
// element of the page, whatever a machine has: a thousand machines of a hundred workers are a hundred thousand cells.

import { crc32, deflateSync } from 'node:zlib'
import type { FleetKind } from '../view/fleet'

/** By their place in a picture's palette: the one place of these colours, as they stay by day and by night. */
const PALETTE: readonly (readonly [kind: FleetKind | 'none', color: number])[] = [
  ['none', 0],
  ['idle', 0xaebab5],
  ['busy', 0x2f8f76],
  ['stale', 0xd99a1c],
  ['blocked', 0xe8731a],
  ['dead', 0xc8372c],
  ['lost', 0x8f86a8],
]
const INDEX = new Map(PALETTE.map(([kind], index) => [kind, index]))

const COLUMNS = 16
/** More cells than this say no more; the numbers beside them do. */
const MOST_CELLS = 1024

const SHOWN = PALETTE.slice(1) as (readonly [kind: FleetKind, color: number])[]

/** As the page's legend has them. */
export const LEGEND_KINDS = SHOWN.map(([kind]) => kind)

/** The same colours for its squares. */
export const LEGEND_STYLE = SHOWN.map(
  ([kind, color]) => `.legend .${kind} {\n  background: #${color.toString(16).padStart(6, '0')};\n}\n`,
).join('')

/** One character for each worker: what tells one picture from another. */
export function cellsOf(kinds: readonly FleetKind[]): string {
  let cells = ''
  const most = Math.min(kinds.length, MOST_CELLS)
  for (let at = 0; at < most; at += 1) cells += INDEX.get(kinds[at]!)
  return cells
}

export interface CellPicture {
  /** A `data:` URL. */
  url: string
  columns: number
  rows: number
}

/** A PNG of sixteen columns. */
export function cellPicture(cells: string): CellPicture {
  const columns = COLUMNS
  const rows = Math.max(1, Math.ceil(cells.length / columns))
  // A byte for the line's filter, which is none, and two cells in each byte.
  const line = 1 + columns / 2
  const pixels = Buffer.alloc(rows * line)
  for (let at = 0; at < cells.length; at += 1) {
    const column = at % columns
    const byte = Math.floor(at / columns) * line + 1 + (column >> 1)
    pixels[byte]! |= Number(cells[at]) << (column % 2 === 0 ? 4 : 0)
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(columns, 0)
  header.writeUInt32BE(rows, 4)
  header[8] = 4
  header[9] = 3
  const png = Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    COLORS,
    chunk('IDAT', deflateSync(pixels)),
    END,
  ])
  return { url: `data:image/png;base64,${png.toString('base64')}`, columns, rows }
}

function chunk(name: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length)
  bytes.writeUInt32BE(data.length, 0)
  bytes.write(name, 4, 'latin1')
  data.copy(bytes, 8)
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length)
  return bytes
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const END = chunk('IEND', Buffer.alloc(0))
const COLORS = Buffer.concat([
  chunk('PLTE', Buffer.from(PALETTE.flatMap(([, color]) => [color >> 16, (color >> 8) & 255, color & 255]))),
  // The first one is nothing.
  chunk('tRNS', Buffer.from([0])),
])
