// The process of one trial, or of the two that a bar compares: measures once, sends what it measured, and ends.

import { scale, timeCalls, timePair } from '../measure'
import type { Measurement, Prepared, Row, TrialParams } from './plan'
import { findRow } from './subjects'

export type TrialAnswer = { ok: true; values: number[]; unit: string } | { ok: false; error: string }

function trialOf(row: Row, name: string) {
  const trial = row.trials.find((one) => one.name === name)
  if (trial === undefined) throw new Error(`There is no trial '${name}'`)
  return trial
}

async function runTrial(row: Row, name: string, params: TrialParams): Promise<Measurement> {
  const trial = trialOf(row, name)
  if (trial.prepare === undefined) return trial.run!(params)
  const { batch, unit, factor = 1, close } = trial.prepare(params)
  const values = scale(timeCalls(batch, params.budgetMs), factor)
  close?.()
  return { unit, values }
}

async function runBar(row: Row, what: string, params: TrialParams): Promise<number[]> {
  const bar = row.bars.find((one) => one.what === what)!
  if (bar.ratios !== undefined) return bar.ratios(params)
  const [of, by] = [bar.of, bar.by!].map((name) => trialOf(row, name).prepare!(params)) as [
    Prepared,
    Prepared,
  ]
  const ratios = timePair(of.batch, by.batch, params.budgetMs)
  of.close?.()
  by.close?.()
  return scale(ratios, (of.factor ?? 1) / (by.factor ?? 1))
}

async function main(): Promise<void> {
  const [kind, subject, rowId, name, text] = process.argv.slice(2)
  let answer: TrialAnswer
  try {
    const row = findRow(subject!, rowId!)
    const params = JSON.parse(text!) as TrialParams
    const measurement =
      kind === 'bar'
        ? { unit: 'x', values: await runBar(row, name!, params) }
        : await runTrial(row, name!, params)
    answer = { ok: true, ...measurement }
  } catch (error) {
    answer = { ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  process.send?.(answer, () => process.exit(0))
}

// Interrupted, the benchmark itself ends its trials.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(1))
void main()
