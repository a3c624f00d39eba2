// The page for programs: JSON, and the lines of Apache's mod_status (`?auto`), so that what scrapes a
// web server scrapes a board. Pure functions.

import type { Snapshot } from '../../scoreboard/types'
import { jsonStatus } from '../render'
import type { Picture } from './feed'
import { kindOf } from './worker-view'

/** `Key: value` lines. `Scoreboard` has one letter for each slot; who is dead has left an open one. */
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
    // A stale worker was busy when it fell silent.
    ['BusyWorkers', counts.busy + counts.stale],
    ['IdleWorkers', counts.idle],
    ['StaleWorkers', counts.stale],
    ['DeadWorkers', counts.dead],
    ['Total Updates', sums.updates],
    ['UpdatesPerSec', each(history.now('updates'), 1)],
    ['Scoreboard', letters.join('')],
  ]
  return lines.map(([name, value]) => `${name}: ${value}\n`).join('')
}

/** Everything: the snapshot with whole statuses, and what the page says about it. */
export function renderStatusJson(picture: Picture, snapshot: Snapshot, staleMs: number): string {
  const { cursor: _, ...rest } = snapshot
  const shown = new Map(picture.workers.map((view) => [view.key, view]))
  const workers = snapshot.workers.map((worker) => {
    const view = shown.get(`${worker.slot}:${worker.epoch}`)
    const kind = view && kindOf(view, worker.ageMs ?? view.ageMs, staleMs)
    return { ...worker, status: jsonStatus(worker.status), kind, letter: view?.letter }
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
