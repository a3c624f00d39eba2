// A table of one line a row, for a terminal: columns as wide as what is in them, those that matter least left
// out where there is no room, and a last one that takes what is left. Pure functions.

import { cut } from '../view/text'
import { textWidth } from '../view/text-width'

export interface TableColumn<Row> {
  name: string
  /** Which goes first on a narrow terminal; left out: it stays. */
  dropOrder?: number
  align?: 'right'
  text(row: Row): string
}

/** The last column: what does not fit is cut off. */
export interface LastColumn<Row> {
  name: string
  text(row: Row, columns: number): string
}

const GAP = 2
const LAST_MIN_COLUMNS = 16

/** A header, and one line for each row, each at most `width` columns wide. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly TableColumn<Row>[],
  last: LastColumn<Row>,
  width = Infinity,
): string[] {
  const cells = (column: TableColumn<Row>) => [column.name, ...rows.map((row) => column.text(row))]
  const sized = columns.map((column) => ({
    column,
    width: widest(cells(column)),
    isShared: rows.length > 1 && new Set(cells(column).slice(1)).size === 1,
  }))
  const kept = fitColumns(sized, width)
  const room = width - kept.reduce((sum, one) => sum + one.width + GAP, 0)

  const line = (cells: readonly string[], end: string) =>
    cut([...cells.map((cell, i) => padded(cell, kept[i]!)), end].join(' '.repeat(GAP)).trimEnd(), width)
  return [
    line(
      kept.map(({ column }) => column.name),
      last.name,
    ),
    ...rows.map((row) =>
      line(
        kept.map(({ column }) => column.text(row)),
        last.text(row, Math.max(1, room)),
      ),
    ),
  ]
}

function padded(cell: string, { column, width }: { column: { align?: 'right' }; width: number }): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(cell)))
  return column.align === 'right' ? space + cell : cell + space
}

function widest(cells: string[]): number {
  return cells.reduce((most, cell) => Math.max(most, textWidth(cell)), 0)
}

interface SizedColumn<Row> {
  column: TableColumn<Row>
  width: number
  /** Whether all rows say the same, so that it tells none from another. */
  isShared: boolean
}

/** Leaves out what all rows share, then what matters least, until the last column has room. */
function fitColumns<Row>(sized: SizedColumn<Row>[], columns: number): SizedColumn<Row>[] {
  const used = sized.reduce((sum, { width }) => sum + width + GAP, 0)
  if (used + LAST_MIN_COLUMNS <= columns) return sized

  const droppable = sized.filter(({ column }) => column.dropOrder !== undefined)
  if (droppable.length === 0) return sized
  const shared = droppable.filter(({ isShared }) => isShared)
  const fewest = shared.length > 0 ? shared : droppable
  const first = Math.min(...fewest.map(({ column }) => column.dropOrder!))
  return fitColumns(
    sized.filter((one) => !fewest.includes(one) || one.column.dropOrder !== first),
    columns,
  )
}
