// How far `rollcall work` is: one line on a terminal, redrawn in place, and what failed at the end.

import type { WatchdogQueue } from '../../../queue/watchdog-queue'
import { progressLine } from '../../../terminal/progress'
import { RateWindow } from '../../../view/rates'
import { statusText } from '../../../view/text'
import { type LineItem, showItem } from '../../parse/items'
import { note } from '../../support/output'
import type { WorkFlags } from './options'
import type { Printer } from './printer'
import type { WorkSession } from './session'

const BAR_MS = 500
const LOG_MS = 10_000
/** At most one part in so many of the time goes into looking. */
const LOOK_SHARE = 20
const MOST_FAILURES = 20
const ITEM_COLUMNS = 200

/** What is looked at. */
export type Shown = Pick<WorkSession, 'flags' | 'queue' | 'total'> & {
  readonly printer: Pick<Printer, 'note' | 'setBar'>
}

/** Shows how far the queue is until the returned function is called; in a log every `logMs`. */
export function showProgress(session: Shown, logMs: number = LOG_MS): () => void {
  const { flags, printer, queue } = session
  const isTerminal = process.stderr.isTTY === true && process.env.TERM !== 'dumb'
  const isBar = flags.bar ?? (isTerminal && !flags.ungroup && !flags.progress)
  if (!isBar && !flags.progress) return () => {}
  const rate = new RateWindow()
  const everyMs = isBar ? BAR_MS : logMs
  let timer: NodeJS.Timeout | undefined
  let hasEnded = false
  const look = async () => {
    const began = performance.now()
    const counts = await queue.counts().catch(() => undefined)
    if (hasEnded) return
    if (counts !== undefined) {
      session.total = counts.total
      const line = progressLine(counts, rate.add(performance.now(), counts.done + counts.dead))
      if (isBar) printer.setBar(line.slice(0, (process.stderr.columns ?? 80) - 1))
      else printer.note(line)
    }
    // Counting a million items takes a while, which is not to be all that is done here.
    timer = setTimeout(look, Math.max(everyMs, LOOK_SHARE * (performance.now() - began)))
  }
  timer = setTimeout(look, everyMs)
  return () => {
    hasEnded = true
    clearTimeout(timer)
    if (isBar) printer.setBar(undefined)
  }
}

/** On one line beside others; `rollcall queue dead --json` has all of it. */
function shortened(text: string): string {
  return statusText(text, ITEM_COLUMNS)
}

/** Says which items are dead, and why. Returns how many. */
export async function summarizeFailures(queue: WatchdogQueue<LineItem>, flags: WorkFlags): Promise<number> {
  let count = 0
  for await (const { item, attempts, error } of queue.deadLetters()) {
    if (++count > MOST_FAILURES) continue
    const why = error === undefined ? 'its worker died or was silent for too long' : error.message
    note(`failed after ${attempts} attempts: ${shortened(showItem(item))} (${shortened(why)})`)
  }
  if (count === 0) return 0
  const queueOption = `--queue ${flags.queue}`
  if (count > MOST_FAILURES) note(`and ${count - MOST_FAILURES} more: rollcall queue dead ${queueOption}`)
  const again =
    flags.argFile === undefined
      ? `rollcall queue dead --redrive ${queueOption}`
      : 'the same command with --retry-failed'
  note(`to try them again: ${again}`)
  return count
}
