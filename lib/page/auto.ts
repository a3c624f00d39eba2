// The page for programs: JSON, and the lines of Apache's mod_status (`?auto`), so that what scrapes a
// web server scrapes a board. Pure functions.

import type { Snapshot, Status } from '../scoreboard/types'
import { jsonStatus } from '../terminal/render'
import { ownerKey } from '../view/rates'
import type { Picture } from './feed'
import { kindOf } from './worker-view'

/** `Key: value` lines. `Scoreboard` has one letter for each slot; a dead worker has left an open one. */
export function renderAuto({ workers, counts, sums, uptimeMs, slots, history }: Picture): string {
  const letters = new Array<string>(slots).fill('.')
  for (const { slot, letter, isDead } of workers) if (!isDead) letters[slot] = letter
  const seconds = Math.floor(uptimeMs / 1000)
  const each = (n: number, of: number) => (of > 0 ? n / of : 0).toFixed(3).replace(/\.?0+$/, '')
  const lines: [string, string | number][] = [
    ['ServerUptimeSeconds', seconds],
    ['Total Accesses', sums.requests],
    ['Total kBytes', Math.floor(sums.bytes / 1024)],
    ['Uptime', seconds],
    ['ReqPerSec', each(sums.requests, seconds)],
    ['BytesPerSec', each(sums.bytes, seconds)],
    ['BytesPerReq', each(sums.bytes, sums.requests)],
    // A stale worker was busy when it fell silent, and one that is blocked is.
    ['BusyWorkers', counts.busy + counts.blocked + counts.stale],
    ['IdleWorkers', counts.idle],
    ['BlockedWorkers', counts.blocked],
    ['StaleWorkers', counts.stale],
    ['DeadWorkers', counts.dead],
    ['Total Updates', sums.updates],
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
export function renderStatusJson(picture: Picture, snapshot: Snapshot, staleMs: number): string {
  const { cursor: _, ...rest } = snapshot
  const shown = new Map(picture.workers.map((view) => [view.key, view]))
  const workers = snapshot.workers.map((worker) => {
    const view = shown.get(ownerKey(worker))
    const kind = view && kindOf(view, worker.ageMs ?? view.ageMs, staleMs)
    return {
      ...worker,
      status: boundedStatus(worker.status),
      kind,
      blockedMs: view?.blockedMs,
      letter: view?.letter,
    }
  })
  const { counts, sums, totals, uptimeMs, history } = picture
  const rates = {
    updates: history.now('updates'),
    requests: history.now('requests'),
    bytes: history.now('bytes'),
  }
  return JSON.stringify({
    ...rest,
    baseDir: picture.board.baseDir,
    uptimeMs,
    counts,
    sums,
    rates,
    totals,
    queues: picture.queues.views,
    workers,
  })
}
