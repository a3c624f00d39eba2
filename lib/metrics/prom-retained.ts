// What the metrics of workers that are gone have come to, in the directory of their board.
//
//   retained.json            the sum of all that are in it, and who is
//   retained.json.bad-<hex>  what lay there once and could not be read; nobody looks at it again
//   folding/                 a board with one worker: whoever adds to retained.json holds its name
//
// A worker that is gone lies in its slot until it is in retained.json: its status is kept (`keepStatus()`). A new
// retained.json takes the place of the old by rename, with the sum and the workers that are in it: that is the one
// commit. What follows, freeing slots, only tidies up: whoever is killed before it leaves workers that
// retained.json names, and readers skip them for that. So nobody is counted twice, and nobody's last numbers are lost.

import { join } from 'node:path'
import { Scoreboard } from '../scoreboard/scoreboard'
import type { ScoreboardOptions } from '../scoreboard/types'
import { ScoreboardError } from '../util/errors'
import { randomName } from '../util/random-name'
import { move, namesIn, readWhole, removeFile, replaceFile, syncToDisk } from '../util/trust'
import { isMetric, type Metric } from './prom-metric'

/** Where the metrics are, and who may write there. */
export type SharedPlace = Pick<ScoreboardOptions, 'baseDir' | 'mode' | 'allowAnyFilesystem'>

export interface Retained {
  boardId: string
  /** Changes with every commit. */
  generation: string
  /** Who is in the sum and may still be seen beside it, by `<slot>-<epoch>`. */
  folded: string[]
  metrics: Metric[]
}

const FILE = 'retained.json'
/** More than the metrics of any worker. */
const MAX_BYTES = 256 * 1024 * 1024
const TEMPORARY = /^retained\.json\.[0-9a-f]{12}\.tmp$/

/** Undefined: there is none. Throws what is wrong with it. */
function readFile(file: string): Retained | undefined {
  const bytes = readWhole(file, MAX_BYTES)
  if (bytes === undefined) return undefined
  const value: unknown = JSON.parse(bytes.toString())
  if (!isRetained(value)) throw new Error('it has another format')
  return value
}

function isRetained(value: unknown): value is Retained {
  if (typeof value !== 'object' || value === null) return false
  const { boardId, generation, folded, metrics } = value as Record<string, unknown>
  const isNamed = typeof boardId === 'string' && typeof generation === 'string'
  const areKeys = Array.isArray(folded) && folded.every((key) => typeof key === 'string')
  return isNamed && areKeys && Array.isArray(metrics) && metrics.every(isMetric)
}

/**
 * What is retained for this board; a board that took another's place begins anew. What cannot be read counts as
 * nothing, and is told of.
 */
export function readRetained(baseDir: string, boardId: string, tell: (problem: string) => void): Retained {
  const file = join(baseDir, FILE)
  let retained: Retained | undefined
  try {
    retained = readFile(file)
  } catch (error) {
    tell(`Cannot use ${file}, it is set aside: ${(error as Error).message}`)
  }
  if (retained?.boardId === boardId) return retained
  // Counters must not fall when a machine was only started again.
  return { boardId, generation: '', folded: [], metrics: retained?.metrics ?? [] }
}

/**
 * Takes the place of what was retained. REQUIRES: nobody else does (`whileAlone`).
 *
 * @throws what the file system says; nothing has changed then, and nothing is left behind
 */
export function writeRetained(
  { baseDir, mode = 0o600 }: SharedPlace,
  retained: Omit<Retained, 'generation'>,
): void {
  const file = join(baseDir, FILE)
  const now: Retained = { ...retained, generation: randomName(8) }
  // Under a temporary name that TEMPORARY knows; the disk may be full.
  replaceFile(file, Buffer.from(JSON.stringify(now)), mode, () => setAsideWhatIsBad(file))
  syncToDisk(baseDir)
}

/** For whoever wants to find out what it was. */
function setAsideWhatIsBad(file: string): void {
  try {
    readFile(file)
  } catch {
    move(file, `${file}.bad-${randomName(4)}`)
  }
}

/** Removes what writers left that were killed. REQUIRES: nobody writes (`whileAlone`). */
export function removeTemporaries(baseDir: string): void {
  for (const name of namesIn(baseDir) ?? []) {
    if (TEMPORARY.test(name)) removeFile(join(baseDir, name))
  }
}

/** Holds the name of the one who changes what is retained. Undefined: somebody else has it. */
export function tryToBeAlone(place: SharedPlace): Disposable | undefined {
  const baseDir = join(place.baseDir, 'folding')
  const lock = new Scoreboard({ ...place, baseDir, workerId: 'folder', slots: 4 })
  try {
    lock.claim()
    return lock
  } catch (error) {
    lock.close()
    const busy = ['ERR_ID_IN_USE', 'ERR_BUSY', 'ERR_BOARD_FULL']
    if (error instanceof ScoreboardError && busy.includes(error.code)) return undefined
    throw error
  }
}
