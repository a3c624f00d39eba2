// How far a queue is, as one line of text. Pure.

import type { QueueCounts } from '../queue/types'

const BAR_WIDTH = 24

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
