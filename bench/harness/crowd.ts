// A stage full of living workers: bench/native/crowd.cc, started and ended.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { Scoreboard, type ScoreboardOptions } from '../../lib'
import { ended } from './machine'
import { CROWD_PROGRAM } from './paths'
import type { Stage } from './plan'

export interface CrowdOptions {
  workers: number
  /** How many of them publish about a thousand times a second; default none. */
  moving?: number
  counters?: ScoreboardOptions['counters']
}

/** Makes a board in `baseDir` and fills it. Resolves when all workers have published 64 bytes. */
export async function startCrowd(baseDir: string, options: CrowdOptions): Promise<Stage> {
  const { workers, moving = 0, counters } = options
  // Some slots to spare, for the handles of the trials.
  new Scoreboard({ baseDir, slots: workers + 16, counters }).close()
  const program = spawn(CROWD_PROGRAM, [path.join(baseDir, 'board'), String(workers), String(moving)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const close = async () => {
    program.stdin.end()
    await ended(program)
  }
  const ready = await new Promise<boolean>((resolve) => {
    program.stdout.once('data', () => resolve(true))
    program.once('error', () => resolve(false))
    program.once('exit', () => resolve(false))
  })
  if (!ready) {
    await close()
    throw new Error(`Cannot get ${workers} workers to live at once`)
  }
  return {
    params: { baseDir, workers },
    notes: [`${workers} living workers: as many processes, each with a slot of its own`],
    close,
  }
}
