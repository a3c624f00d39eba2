// The process of one trial: runs it once, sends what it measured, and ends.

import type { TrialParams } from './plan'
import { findTrial } from './subjects'

export type TrialAnswer =
  | { ok: true; measurement: { name?: string; unit: string; values: number[] } }
  | { ok: false; error: string }

async function main(): Promise<void> {
  const [subject, row, trial, params] = process.argv.slice(2)
  let answer: TrialAnswer
  try {
    const measurement = await findTrial(subject!, row!, trial!).run(JSON.parse(params!) as TrialParams)
    answer = { ok: true, measurement }
  } catch (error) {
    answer = { ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  process.send?.(answer, () => process.exit(0))
}

// Interrupted, the benchmark itself ends its trials.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(1))
void main()
