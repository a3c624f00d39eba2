// What the metrics of workers that are gone have come to, in the directory of their board.
//
//   retained.json            the sum of all that are in it, and who is
//   retained.json.bad-<hex>  what lay there once and could not be read; nobody looks at it again
//   folding/                 a board with one worker: whoever adds to retained.json holds its name
//
// A worker that is gone lies in its slot until it is in retained.json: its status is kept (`keepStatus()`). A new
// retained.json takes the place of the old by rename, with the sum and with who is in it: that is the one
// commit. What follows, freeing slots, only tidies up: whoever is killed before it leaves workers that
// retained.json names, and readers skip them for that. So nobody is counted twice, and nobody's last numbers are lost.

import fs from 'node:fs'
import path from 'node:path'
import { Scoreboard } from '../scoreboard/scoreboard'
import { ScoreboardError } from '../util/errors'
import { randomName } from '../util/random-name'
import { isMetric, type Metric } from './prom-metric'

export interface Retained {
  boardId: string
  /** Changes with every commit. */
  generation: string
  /** Who is in the sum and may still be seen beside it, by `<slot>-<epoch>`. */
  folded: string[]
  metrics: Metric[]
}

const FILE = 'retained.json'
const TEMPORARY = /^retained\.json\.[0-9a-f]{12}\.tmp$/

/** Undefined: there is none. Throws what is wrong with it. */
function readFile(file: string): Retained | undefined {
  let text: string
  try {
    text = fs.readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const value: unknown = JSON.parse(text)
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
  const file = path.join(baseDir, FILE)
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
export function writeRetained(baseDir: string, retained: Omit<Retained, 'generation'>): void {
  const file = path.join(baseDir, FILE)
  const temporary = `${file}.${randomName(6)}.tmp`
  try {
    const text = JSON.stringify({
      ...retained,
      generation: randomName(8),
    } satisfies Retained)
    // Synced: after a power cut the name must not lead to half a file.
    fs.writeFileSync(temporary, text, { mode: 0o600, flag: 'wx', flush: true })
    setAsideWhatIsBad(file)
    fs.renameSync(temporary, file)
  } catch (error) {
    fs.rmSync(temporary, { force: true })
    throw error
  }
  syncDirectory(baseDir)
}

/** For whoever wants to find out what it was. */
function setAsideWhatIsBad(file: string): void {
  try {
    readFile(file)
  } catch {
    fs.renameSync(file, `${file}.bad-${randomName(4)}`)
  }
}

function syncDirectory(directory: string): void {
  const descriptor = fs.openSync(directory, fs.constants.O_RDONLY)
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/** Removes what writers left that were killed. REQUIRES: nobody writes (`whileAlone`). */
export function removeTemporaries(baseDir: string): void {
  for (const name of fs.readdirSync(baseDir)) {
    if (TEMPORARY.test(name)) fs.rmSync(path.join(baseDir, name), { force: true })
  }
}

/** Holds the name of the one who changes what is retained. Undefined: somebody else has it. */
export function tryToBeAlone(baseDir: string): Disposable | undefined {
  const lock = new Scoreboard({ baseDir: path.join(baseDir, 'folding'), workerId: 'folder', slots: 4 })
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
