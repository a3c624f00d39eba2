// How far a queue is, as one line of text. Pure.

import type { QueueCounts } from '../queue/types'

const BAR_WIDTH = 24
const LEAST_BAR = 4
const MOST_BAR = 120

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

/**
 * One line: a bar, how many of how many, items a second, the time left, and the dead.
 *
 * @param columns how wide the line is to be: its bar takes what the numbers leave; 24 columns where nobody says
 */
export function progressLine(counts: QueueCounts, perSecond: number | undefined, columns?: number): string {
  const { total, done, dead } = counts
  const ended = done + dead
  const share = total === 0 ? 1 : ended / total
  const etaMs = timeLeftMs(counts, perSecond)
  const left = etaMs === undefined ? '?' : showDuration(etaMs)
  const failed = dead > 0 ? `, ${dead} failed` : ''
  const numbers = `${Math.floor(share * 100)}% ${ended}/${total}, ${perSecond?.toFixed(1) ?? '?'}/s, ${left} left${failed}`
  const room = columns === undefined || !Number.isFinite(columns) ? BAR_WIDTH : columns - numbers.length - 3
  if (room < LEAST_BAR) return numbers
  const width = Math.min(room, MOST_BAR)
  const filled = Math.floor(share * width)
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${numbers}`
}
