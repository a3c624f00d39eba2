// How long an item waits after an attempt that failed.

import type { Backoff } from '../store/settings'

/** In milliseconds, after so many failed attempts; 0 where the queue has no back-off. */
export function backoffMs(backoff: Backoff | undefined, attempts: number, random = Math.random): number {
  if (backoff === undefined) return 0
  const { delayMs, factor, maxDelayMs, jitter } = backoff
  const delay = Math.min(maxDelayMs, delayMs * factor ** (attempts - 1))
  return Math.round(Math.min(maxDelayMs, delay * (1 + jitter * (2 * random() - 1))))
}
