// A queue at one moment, as everything that shows queues reads it.

import type { QueueCounts, TimerInfo } from '../queue/types'

/** A queue at one moment. */
export interface QueueReading {
  /** The label `queue` of its metrics. */
  name: string
  counts: QueueCounts
  timers: readonly TimerInfo[]
}

/** What is asked of a queue; a `WatchdogQueue` is one. */
export interface QueueReader {
  counts(): Promise<QueueCounts>
  getTimers(): Promise<TimerInfo[]>
}

/** What the metrics of a queue are made of. */
export async function readQueue(name: string, queue: QueueReader): Promise<QueueReading> {
  const [counts, timers] = await Promise.all([queue.counts(), queue.getTimers()])
  return { name, counts, timers }
}
