// Durations as people write them on a command line.

import { InvalidArgumentError } from 'commander'

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Node's timers hold no more: beyond, they fire at once. */
const MAX_MS = 2 ** 31 - 1

/** `500ms`, `10s`, `1.5m`, `2h`, `1d` in milliseconds. The unit is required: nobody has to guess it. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim())
  if (!match)
    throw new InvalidArgumentError(`Expected a duration like 500ms, 10s, 5m or 2h.${hint(text.trim())}`)
  const duration = Math.round(Number(match[1]) * UNIT_MS[match[2]!]!)
  if (duration > MAX_MS) throw new InvalidArgumentError('Expected a duration of at most 24d.')
  return duration
}

/** Somebody who gives thousands means milliseconds. */
function hint(text: string): string {
  if (!/^\d+(?:\.\d+)?$/.test(text)) return ''
  return ` Did you mean ${text}${Number(text) < 100 ? 's' : 'ms'}?`
}

/** As it would be given: `10s`, `1500ms`. */
export function durationText(ms: number): string {
  const unit = Object.keys(UNIT_MS).findLast((name) => ms > 0 && ms % UNIT_MS[name]! === 0) ?? 'ms'
  return `${ms / UNIT_MS[unit]!}${unit}`
}

/** A parser of durations that are at least `minText` long. */
export function durationFrom(minText: string): (text: string) => number {
  const min = parseDuration(minText)
  return (text) => {
    const duration = parseDuration(text)
    if (duration < min) throw new InvalidArgumentError(`Expected a duration of at least ${minText}.`)
    return duration
  }
}
