// What a live list shows: rows, and how they read. A board and a queue have a source each.

/** How a row is told from its neighbours where there are colours. */
export type Tone = 'plain' | 'good' | 'warning' | 'bad' | 'faint'

export interface Order {
  sort: string
  reverse: boolean
}

/** Where the rows come from, and how they read. All text is cut to the width that is asked for. */
export interface ListSource<Row> {
  /** What it lists, for sentences: `worker`. */
  readonly noun: string
  /** What a list can be sorted by, and what comes first then. */
  readonly sorts: Readonly<Record<string, string>>
  /** What else the help says. */
  readonly notes: readonly string[]
  refresh(): void | Promise<void>
  /** The lines above the list, the most important first. */
  head(columns: number): string[]
  rows(order: Order): Row[]
  /** What tells it from every other row that there is or was. */
  keyOf(row: Row): string
  nameOf(row: Row): string
  /** What a filter is matched with. */
  textOf(row: Row): string
  /** Whether nothing will come of it any more; such rows can be hidden. */
  isEnded(row: Row): boolean
  toneOf(row: Row): Tone
  /** A header, and a line for each row. */
  table(rows: Row[], columns: number): string[]
  /** Where a row hangs: lines, as they come. Left out where nobody can say. */
  readonly why?: ((row: Row) => Promise<string[]>) | undefined
  /** For how long a row has hung, in milliseconds; undefined where it does not. Belongs to `why`. */
  hangsForMs?(row: Row): number | undefined
  /** Everything about one row. */
  details(row: Row, columns: number): string[]
}
