// A list that lives on a terminal: a source of rows, the keys pressed so far, and the lines that show both.
// `top` of a board and `top` of a queue are this, with a source each.

import { cut, escapeControls } from '../../view/text'
import { textWidth } from '../../view/text-width'
import { colorsIf } from '../colors'
import type { LiveView } from '../screen'
import { helpLines } from './help'
import { firstRow, type ListFacts, type ListModel, matches, newListModel, press, settle } from './list-model'
import type { ListSource } from './list-source'
import { intervalText } from './texts'

export interface ListStart {
  sort: string
  reverse?: boolean
  filter?: string
  /** Milliseconds. */
  interval: number
}

const MARGIN = 2
/** Where fewer rows than that would have room, the lines above them go. */
const FEW_ROWS = 4

export class ListView<Row> implements LiveView {
  readonly #source: ListSource<Row>
  readonly #colors: ReturnType<typeof colorsIf>
  #model: ListModel
  #rows: Row[] = []
  /** Made when they are asked for: of a hundred thousand rows they take longer than all else. */
  #knownKeys: string[] | undefined
  #first = 0
  #pageRows = 1
  /** The row of the page about one, as it was last seen. */
  #opened: Row | undefined
  /** What was found about it; undefined while that is being asked. */
  #why: string[] | undefined

  constructor(source: ListSource<Row>, start: ListStart, colors: boolean) {
    this.#source = source
    this.#colors = colorsIf(colors)
    this.#model = newListModel({
      sort: start.sort,
      isReversed: start.reverse,
      filter: start.filter,
      intervalMs: start.interval,
    })
  }

  get model(): ListModel {
    return this.#model
  }

  get intervalMs(): number {
    return this.#model.intervalMs
  }

  async refresh(): Promise<void> {
    if (!this.#model.isPaused) await this.#source.refresh()
    this.#arrange()
  }

  onKey(key: string): 'end' | undefined {
    const before = this.#model.page
    this.#model = press(this.#model, key, this.#facts())
    this.#arrange()
    if (this.#model.page === 'why' && before !== 'why') void this.#askWhy(this.#opened!)
    return this.#model.isOver ? 'end' : undefined
  }

  lines(columns: number, rows: number): string[] {
    const { page } = this.#model
    if (page === 'help') return this.#page(helpLines(this.#source), 'keys', columns, rows)
    if (page !== 'details' && page !== 'why') return this.#list(columns, rows)
    const opened = this.#opened!
    const gone = this.#keys.includes(this.#model.chosen!) ? '' : ', which has gone; as it was last seen'
    const title = `${this.#source.noun} ${escapeControls(this.#source.nameOf(opened))}${gone}`
    const asking = ['  asking its process ...']
    const text = page === 'why' ? (this.#why ?? asking) : this.#source.details(opened, columns)
    return this.#page(text, title, columns, rows)
  }

  async #askWhy(row: Row): Promise<void> {
    this.#why = undefined
    const lines = await this.#source.why!(row).catch((error: unknown) => [`  ${String(error)}`])
    // Drawn with the next look, unless something else is open by then.
    if (this.#opened === row) this.#why = lines
  }

  #facts(): ListFacts {
    return {
      sortKeys: Object.keys(this.#source.sorts),
      rows: this.#keys,
      pageRows: this.#pageRows,
      canAskWhy: this.#source.why !== undefined,
      hangsLongest: this.#hangsLongest(),
    }
  }

  #hangsLongest(): string | undefined {
    const forMs = (row: Row) => this.#source.hangsForMs?.(row) ?? 0
    const worst = this.#rows.reduce<Row | undefined>(
      (most, row) => (forMs(row) > (most === undefined ? 0 : forMs(most)) ? row : most),
      undefined,
    )
    return worst === undefined ? undefined : this.#source.keyOf(worst)
  }

  get #keys(): string[] {
    this.#knownKeys ??= this.#rows.map((row) => this.#source.keyOf(row))
    return this.#knownKeys
  }

  /** Filters and sorts anew, after a look or a key. */
  #arrange(): void {
    const source = this.#source
    const { sort, isReversed, filter, hidesEnded, page } = this.#model
    this.#rows = source.rows({ sort, reverse: isReversed }).filter((row) => {
      // What is looked at in full stays, whatever becomes of it.
      if ((page === 'details' || page === 'why') && source.keyOf(row) === this.#model.chosen) return true
      if (hidesEnded && source.isEnded(row)) return false
      return filter === '' || matches(source.textOf(row), filter)
    })
    this.#knownKeys = undefined
    if (page === 'list') this.#opened = undefined
    if (this.#model.chosen === undefined) return
    this.#model = settle(this.#model, this.#keys)
    if (page === 'why') this.#opened ??= this.#rows[this.#keys.indexOf(this.#model.chosen!)]
    if (page === 'details') this.#opened = this.#rows[this.#keys.indexOf(this.#model.chosen!)] ?? this.#opened
  }

  #list(columns: number, rows: number): string[] {
    const { bold, dim } = this.#colors
    const full = [...this.#source.head(columns), undefined, '']
    const isSmall = rows - full.length - 2 < FEW_ROWS
    const head = isSmall ? full.slice(0, rows > 3 ? 1 : 0) : full
    const room = Math.max(0, rows - head.length - 2)
    this.#pageRows = Math.max(1, room)
    this.#first = firstRow(this.#first, this.#model.position, room, this.#rows.length)
    const shown = this.#rows.slice(this.#first, this.#first + room)

    const above = head.map((line, at) => {
      if (line === undefined) return dim(cut(this.#note(shown.length), columns))
      return at === 0 ? bold(line) : line
    })
    const [header, ...lines] = this.#source.table(shown, Math.max(1, columns - MARGIN))
    const body = shown.map((row, at) => this.#row(row, lines[at]!, columns))
    if (shown.length === 0 && room > 0) body.push(dim(cut(`  ${this.#nothing()}`, columns)))
    const all = [...above, bold(cut(`  ${header}`, columns)), ...body]
    while (all.length < rows - 1) all.push('')
    return [...all.slice(0, rows - 1), this.#footer(columns)]
  }

  #row(row: Row, line: string, columns: number): string {
    const { red, yellow, green, dim, inverse } = this.#colors
    const isChosen = this.#source.keyOf(row) === this.#model.chosen
    const text = cut(`${isChosen ? '> ' : '  '}${line}`, columns)
    if (isChosen) return inverse(text + ' '.repeat(Math.max(0, columns - textWidth(text))))
    const paint = { plain: (one: string) => one, good: green, warning: yellow, bad: red, faint: dim }
    return paint[this.#source.toneOf(row)](text)
  }

  #nothing(): string {
    const { filter, hidesEnded } = this.#model
    const all = this.#source.rows({ sort: this.#model.sort, reverse: false }).length
    if (all === 0) return `no ${this.#source.noun}`
    if (filter !== '') return `no ${this.#source.noun} matches; Esc shows all ${all}`
    return hidesEnded ? `all ${all} have ended; d shows them` : ''
  }

  /** One line: what is shown, in which order, how often. */
  #note(shown: number): string {
    const { sort, isReversed, filter, isPaused, hidesEnded, intervalMs } = this.#model
    const parts = [`sorted by ${sort}${isReversed ? ', reversed' : ''}`]
    if (isPaused) parts.unshift('PAUSED')
    if (filter !== '') parts.push(`filter: ${escapeControls(filter)}`)
    if (hidesEnded) parts.push('without the ended')
    if (shown < this.#rows.length)
      parts.push(`${this.#first + 1}-${this.#first + shown} of ${this.#rows.length}`)
    parts.push(`every ${intervalText(intervalMs)}`)
    return parts.join(' | ')
  }

  #footer(columns: number): string {
    const { bold, dim } = this.#colors
    const { page, filter, isPaused } = this.#model
    if (page === 'filter') {
      const typed = `/${escapeControls(filter)}_`
      // What is being typed is at the end of the line: of a long one, that is what has to show.
      const tail = textWidth(typed) <= columns ? typed : [...typed].slice(-Math.max(1, columns)).join('')
      return bold(cut(`${tail}   Enter keeps it, Esc does not`, columns))
    }
    return dim(
      cut(
        `q quit  ? help  s sort  r reverse  / filter  Enter details  p ${isPaused ? 'go on' : 'pause'}`,
        columns,
      ),
    )
  }

  /** A page of text that can be scrolled. */
  #page(text: string[], title: string, columns: number, rows: number): string[] {
    const { bold, dim } = this.#colors
    const room = Math.max(0, rows - 2)
    this.#pageRows = Math.max(1, room)
    const most = Math.max(0, text.length - room)
    if (this.#model.scroll > most) this.#model = { ...this.#model, scroll: most }
    const { scroll, isPaused } = this.#model
    const shown = text.slice(scroll, scroll + room).map((line) => cut(line, columns))
    const where = most === 0 ? '' : ` | lines ${scroll + 1}-${scroll + shown.length} of ${text.length}`
    while (shown.length < room) shown.push('')
    const lines = [bold(cut(`${title}${isPaused ? ' | PAUSED' : ''}${where}`, columns)), ...shown].slice(
      0,
      Math.max(0, rows - 1),
    )
    return [...lines, dim(cut('Esc back  up, down scroll  Ctrl-C quit', columns))]
  }
}
