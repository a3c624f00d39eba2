// The figures of a run as Markdown, put between two marks of a document that says the rest.

import fs from 'node:fs'
import { BAR_HEAD, barCells, TRIAL_HEAD, trialCells } from './report'
import type { RowResult, RunResult } from './results'

const BEGIN = '<!-- figures: npm run bench -- --markdown writes from here -->'
const END = '<!-- to here -->'

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

function rowMarkdown(row: RowResult): string {
  const cells = trialCells(row).map(([name, ...rest]) => [
    name!.startsWith('*') ? `**${name!.slice(2)}**` : name!.trim(),
    ...rest,
  ])
  return [`### ${row.what}`, table(TRIAL_HEAD, cells), ...row.notes].join('\n\n')
}

function runMarkdown({ conditions, rivals, rows }: RunResult): string {
  const facts = Object.entries({ ...conditions, ...rivals }).map(([name, value]) => [name, String(value)])
  const bars = rows.flatMap((row) => row.bars).map(barCells)
  return [
    '## The bars',
    table(BAR_HEAD, bars),
    '## Conditions',
    table(['', ''], facts),
    '## All figures',
    ...rows.map(rowMarkdown),
  ].join('\n\n')
}

/** @throws {Error} the document does not have the marks */
export function putFigures(file: string, run: RunResult): void {
  const text = fs.readFileSync(file, 'utf8')
  const from = text.indexOf(BEGIN)
  const to = text.indexOf(END)
  if (from < 0 || to < from) throw new Error(`${file} has no place for figures: '${BEGIN}' and '${END}'`)
  fs.writeFileSync(file, `${text.slice(0, from)}${BEGIN}\n\n${runMarkdown(run)}\n\n${text.slice(to)}`)
}
