// A run as text: tables for a terminal, and the same as Markdown for docs/BENCHMARKS.md.

import Table from 'cli-table3'
import pc from 'picocolors'
import type { BarResult, RowResult, RunResult, TrialResult } from './results'

/** Three significant digits, thousands apart. */
export function number(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toLocaleString('en', {
    minimumFractionDigits: Math.min(digits, 2),
    maximumFractionDigits: Math.min(digits, 2),
  })
}

/** How many times faster or slower than ours, the first of them. */
function compared(result: TrialResult, ours: TrialResult | undefined): string {
  if (ours?.median === undefined || result.median === undefined || result === ours) return ''
  const ratio = result.unit === 'ops/s' ? ours.median / result.median : result.median / ours.median
  return `${number(ratio)} x`
}

export const TRIAL_HEAD = ['', 'median', 'p99', 'min', 'against ours']

export function trialCells(row: RowResult): string[][] {
  const ours = row.trials.find(({ role, median }) => role === 'ours' && median !== undefined)
  return row.trials.map((trial) => {
    const mark = trial.role === 'ours' ? '* ' : '  '
    if (trial.median === undefined) {
      return [`${mark}${trial.name}`, trial.failed ? 'failed' : 'absent', '', '', trial.absent ?? '']
    }
    const cells = [trial.median, trial.p99!, trial.min!].map((value) => `${number(value)} ${trial.unit}`)
    return [`${mark}${trial.name}`, ...cells, compared(trial, ours)]
  })
}

export const BAR_HEAD = ['bar', 'measured', 'least .. most', 'wanted', '']

export function barCells(bar: BarResult): string[] {
  const range = bar.low === undefined ? '' : `${number(bar.low)} .. ${number(bar.high!)}`
  return [bar.what, bar.value === undefined ? '-' : number(bar.value), range, bar.bar, bar.verdict]
}

function paint(verdict: string): string {
  if (verdict === 'meets') return pc.green(verdict)
  return verdict === 'misses' ? pc.red(verdict) : pc.yellow(verdict)
}

function table(head: string[], rows: string[][], right: number[]): string {
  const all = new Table({
    head,
    style: {
      head: pc.isColorSupported ? ['bold'] : [],
      border: pc.isColorSupported ? ['dim'] : [],
      compact: true,
    },
    colAligns: head.map((_, i) => (right.includes(i) ? 'right' : 'left')),
    wordWrap: false,
  })
  all.push(...rows)
  return all.toString()
}

export function conditionsText({ conditions, rivals }: Pick<RunResult, 'conditions' | 'rivals'>): string {
  const lines = Object.entries({ ...conditions, ...rivals })
  const width = Math.max(...lines.map(([name]) => name.length))
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

/** What is wrong, on lines of its own below a table: a reason may be long. */
function reasons(row: RowResult): string[] {
  return row.trials
    .filter(({ absent }) => absent !== undefined)
    .map(({ name, absent, failed }) => `${name}: ${failed ? 'failed: ' : 'absent: '}${absent}`)
}

export function rowText(row: RowResult): string {
  const cells = trialCells(row).map(([name, median, p99, min, against]) => {
    const isMissing = median === 'absent' || median === 'failed'
    return [name!, median!, p99!, min!, isMissing ? '' : against!]
  })
  const parts = [pc.bold(row.what), table(TRIAL_HEAD, cells, [1, 2, 3, 4])]
  parts.push(...[...row.notes, ...reasons(row)].map((note) => pc.dim(`  ${note}`)))
  if (row.bars.length > 0) parts.push(barsText(row.bars))
  return parts.join('\n')
}

export function barsText(bars: readonly BarResult[]): string {
  const rows = bars.map((bar) => {
    const cells = barCells(bar)
    return [...cells.slice(0, -1), paint(cells.at(-1)!)]
  })
  return table(BAR_HEAD, rows, [1, 2, 3])
}
