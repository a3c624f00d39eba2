// Runs Parallel::Scoreboard itself: a Perl program that measures and prints what it measured.

import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { RIVALS_DIR } from '../harness/paths'
import type { TrialParams } from '../harness/plan'

/** Seconds per call as Perl measured them, in nanoseconds. */
export function perlTimes(job: 'update' | 'read', workers: number, { dir, budgetMs }: TrialParams): number[] {
  const program = path.join(RIVALS_DIR, 'parallel-scoreboard.pl')
  const printed = execFileSync('perl', [program, job, dir, String(budgetMs), String(workers)], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  return printed
    .trim()
    .split('\n')
    .map((seconds) => Number(seconds) * 1e9)
}
