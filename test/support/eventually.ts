// Waiting for a condition, never for a time.

import { setTimeout as delay } from 'node:timers/promises'

const TIMEOUT_MS = 30_000

/** Waits until `condition` gives something truthy, and returns it; `what` says what was waited for in vain. */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  what: string | (() => string),
): Promise<T> {
  const deadline = performance.now() + TIMEOUT_MS
  for (;;) {
    const value = await condition()
    if (value) return value
    if (performance.now() > deadline) {
      throw new Error(`Waited ${TIMEOUT_MS / 1000} s in vain for ${typeof what === 'string' ? what : what()}`)
    }
    await delay(5)
  }
}
