// How far `rollcall work` is: one line on a terminal, redrawn in place, and what failed at the end.

import type { QueueCounts } from '../../queue/types'
import type { WatchdogQueue } from '../../queue/watchdog-queue'
import { cut, escapeControls } from '../../view/text'
import { showItem } from '../parse/items'
import { note } from '../support/output'
import { RateWindow } from '../support/rate-window'

const EVERY_MS = 500
const BAR_WIDTH = 24
const MOST_FAILURES = 20
const ITEM_COLUMNS = 200

/** `45s`, `3m10s`, `2h05m`. */
export function showDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  const two = (n: number) => String(n).padStart(2, '0')
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`
}

/** How long the rest takes at this rate, in milliseconds; undefined where nobody can know. */
export function timeLeftMs(
  { total, done, dead }: QueueCounts,
  perSecond: number | undefined,
): number | undefined {
  const left = total - done - dead
  if (left === 0) return 0
  return perSecond ? (left / perSecond) * 1000 : undefined
}

/** One line: a bar, how many of how many, items a second, the time left, and the dead. */
export function progressLine(counts: QueueCounts, perSecond: number | undefined): string {
  const { total, done, dead } = counts
  const ended = done + dead
  const share = total === 0 ? 1 : ended / total
  const filled = Math.floor(share * BAR_WIDTH)
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`
  const etaMs = timeLeftMs(counts, perSecond)
  const left = etaMs === undefined ? '?' : showDuration(etaMs)
  const failed = dead > 0 ? `, ${dead} failed` : ''
  return `${bar} ${Math.floor(share * 100)}% ${ended}/${total}, ${perSecond?.toFixed(1) ?? '?'}/s, ${left} left${failed}`
}

/** Shows how far the queue is until the returned function is called. Nothing where nobody sees it. */
export function showProgress(queue: WatchdogQueue): () => void {
  const { stderr } = process
  if (!stderr.isTTY) return () => {}
  const rate = new RateWindow()
  let isLooking = false
  const draw = async () => {
    const counts = await queue.counts()
    const perSecond = rate.add(performance.now(), counts.done + counts.dead)
    if (isLooking)
      stderr.write(`\r\x1b[K${progressLine(counts, perSecond).slice(0, (stderr.columns ?? 80) - 1)}`)
  }
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    draw()
      .catch(() => {})
      .finally(() => {
        isLooking = false
      })
  }, EVERY_MS)
  return () => {
    clearInterval(timer)
    isLooking = false
    stderr.write('\r\x1b[K')
  }
}

/** On one line beside others; `rollcall queue dead --json` has all of it. */
function shortened(text: string): string {
  return cut(escapeControls(text.slice(0, 8 * ITEM_COLUMNS)), ITEM_COLUMNS)
}

/** Says which items are dead, and why. Returns how many. */
export async function summarizeFailures(queue: WatchdogQueue): Promise<number> {
  let count = 0
  for await (const { item, attempts, error } of queue.deadLetters()) {
    if (++count > MOST_FAILURES) continue
    const why = error === undefined ? 'its worker died' : error.message
    note(`failed after ${attempts} attempts: ${shortened(showItem(item))} (${shortened(why)})`)
  }
  if (count > MOST_FAILURES) note(`and ${count - MOST_FAILURES} more: rollcall queue dead`)
  return count
}
