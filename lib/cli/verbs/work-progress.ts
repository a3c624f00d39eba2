// How far `rollcall work` is, redrawn in place while it works, and what failed at the end.

import type { WatchdogQueue } from '../../queue/watchdog-queue'
import { progressLine } from '../../terminal/progress'
import { escapeControls } from '../../view/escape-controls'
import { RateWindow } from '../../view/rates'
import { showItem } from '../parse/items'
import { note } from '../support/output'

const EVERY_MS = 500
const MOST_FAILURES = 20

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

/** Says which items are dead, and why. Returns how many. */
export async function summarizeFailures(queue: WatchdogQueue): Promise<number> {
  let count = 0
  for await (const { item, attempts, error } of queue.deadLetters()) {
    if (++count > MOST_FAILURES) continue
    const why = error === undefined ? 'its worker died' : error.message
    note(escapeControls(`failed after ${attempts} attempts: ${showItem(item)} (${why})`))
  }
  if (count > MOST_FAILURES) note(`and ${count - MOST_FAILURES} more: rollcall queue dead`)
  return count
}
