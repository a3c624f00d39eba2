// Texts that both live lists need: a page of names and values, a value that is too long for a line.

import { escapeControls, isPlain } from '../../view/escape-controls'
import { graphemes, textWidth } from '../../view/text-width'

/** `200ms`, `1s`, `1m`. */
export function intervalText(ms: number): string {
  if (ms < 1000) return `${ms}ms`
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1000}s`
}

/** `name  value`, one a line, what is not known left out. */
export function nameLines(values: Readonly<Record<string, string | number | undefined>>): string[] {
  const known = Object.entries(values).filter(([, value]) => value !== undefined)
  const wide = Math.max(0, ...known.map(([name]) => textWidth(escapeControls(name))))
  return known.map(([name, value]) => {
    const shown = escapeControls(name)
    return `  ${shown}${' '.repeat(wide - textWidth(shown))}  ${escapeControls(String(value))}`
  })
}

/** A text on as many lines as it takes, at most `most`, broken at its own line ends and at `columns`. */
export function wrap(text: string, columns: number, most = 1000): string[] {
  const room = Math.max(4, columns)
  // Nobody reads further, and a status may be megabytes.
  const limit = room * most
  const lines: string[] = []
  for (const line of text.slice(0, limit).split(/\r?\n/)) {
    let rest = escapeControls(line)
    do {
      const head = fitting(rest, room)
      lines.push(head)
      rest = rest.slice(head.length)
    } while (rest !== '' && lines.length <= most)
  }
  if (text.length <= limit && lines.length <= most) return lines
  return [...lines.slice(0, most), `... (${text.length} characters)`]
}

/** As many characters from the beginning as `columns` have room for; at least one. */
function fitting(text: string, columns: number): string {
  if (isPlain(text)) return text.slice(0, columns)
  let used = 0
  let end = 0
  for (const { segment, index } of graphemes(text)) {
    used += textWidth(segment)
    if (used > columns && end > 0) break
    end = index + segment.length
  }
  return text.slice(0, end)
}
