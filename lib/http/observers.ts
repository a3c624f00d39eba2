// Requests that only look: those for a status page on the very server that it tells of. They are no work of its worker.
// What follows requests and what answers these know nothing of each other but this.

import type { AnyResponse } from './in-flight'

/** Whoever follows requests right now. */
export const followed = new Set<{ forget(response: AnyResponse): void }>()

/** A request that has begun is answered by the status page: nobody counts it. */
export function doesNotCount(response: AnyResponse): void {
  for (const one of followed) one.forget(response)
}
