// The page for programs: JSON, and the lines of Apache's mod_status (`?auto`), so that what scrapes a
// web server scrapes a board. Pure functions.

import type { Snapshot, Status } from '../scoreboard/types'
import { jsonStatus } from '../terminal/render'
import { countKinds, countsAsBusy, livingOf } from '../view/activity'
import type { StateLimits } from '../view/worker-state'
import { type Picture, uptimeMs } from './feed'
import { viewWorker } from './row-values'

/**
 * `Key: value` lines. `Scoreboard` has one letter for each slot; a dead worker has left an open one. Who is busy and who
 * idle is counted by these letters, as scrapers do it.
 */
export function renderAuto(picture: Picture): string {
  const { workers, counts, sums, slots, history } = picture
  const letters = new Array<string>(slots).fill('.')
  for (const { slot, letter, kind } of workers) if (kind !== 'dead') letters[slot] = letter
  const busy = letters.filter(countsAsBusy).length
  const seconds = Math.floor(uptimeMs(picture) / 1000)
  const each = (n: number, of: number) => (of > 0 ? n / of : 0).toFixed(3).replace(/\.?0+$/, '')
  const lines: [string, string | number][] = [
    ['ServerUptimeSeconds', seconds],
    ['Total Accesses', sums.requests],
    ['Total kBytes', Math.floor(sums.bytes / 1024)],
    ['Uptime', seconds],
    ['ReqPerSec', each(sums.requests, seconds)],
    ['BytesPerSec', each(sums.bytes, seconds)],
    ['BytesPerReq', each(sums.bytes, sums.requests)],
    ['BusyWorkers', busy],
    ['IdleWorkers', livingOf(counts) - busy],
    ['StaleWorkers', counts.stale],
    ['BlockedWorkers', counts.blocked],
    ['DeadWorkers', counts.dead],
    ['UpdatesPerSec', each(history.now('updates'), 1)],
    ['Scoreboard', letters.join('')],
  ]
  return lines.map(([name, value]) => `${name}: ${value}\n`).join('')
}

/** Longer ones, as JSON, are cut: a program that asks for all of them is no reason to run out of memory. */
const MOST_STATUS_LENGTH = 64 * 1024
const PREVIEW_LENGTH = 1024

function boundedStatus(status: Status | undefined): unknown {
  const whole = jsonStatus(status)
  const json = JSON.stringify(whole)
  if (json === undefined || json.length <= MOST_STATUS_LENGTH) return whole
  return { type: 'cut', length: json.length, json: json.slice(0, PREVIEW_LENGTH) }
}

/**
 * Everything: the snapshot, and what the page says about it. A status of more than 64 Ki characters of JSON is
 * `{ "type": "cut", "length": its characters, "json": the first of them }`.
 */
export function renderStatusJson(picture: Picture, snapshot: Snapshot, limits: StateLimits): string {
  const { cursor: _, ...rest } = snapshot
  const workers = snapshot.workers.map((worker) => {
    const { view } = viewWorker(worker, snapshot.takenAt, limits)
    const { kind, word, letter, blockedMs, runsMs, oldestMs } = view
    const status = boundedStatus(worker.status)
    return { ...worker, status, kind, word, letter, blockedMs, runsMs, oldestMs }
  })
  const { sums, totals, history, ended, deaths } = picture
  const rates = {
    updates: history.now('updates'),
    requests: history.now('requests'),
    bytes: history.now('bytes'),
  }
  return JSON.stringify({
    ...rest,
    baseDir: picture.board.baseDir,
    uptimeMs: uptimeMs(picture),
    // Of these very workers: the picture may be a moment older.
    counts: countKinds(workers.map(({ kind }) => kind)),
    sums,
    rates,
    totals,
    ended: ended.ended,
    died: ended.died,
    isDiedExact: ended.isExact,
    deaths,
    queues: picture.queues.views,
    workers,
  })
}
