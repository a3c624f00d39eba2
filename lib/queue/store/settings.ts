// What was agreed on when a queue was created. It is part of the queue's record, and of what a reaper in
// another thread is told.

/** How long an item that was nacked waits: longer after each attempt that failed. */
export interface Backoff {
  readonly delayMs: number
  readonly factor: number
  readonly maxDelayMs: number
  /** Up to this part of it is taken off or put on, at random. */
  readonly jitter: number
}

export interface Settings {
  /** How long a timer may stay without a kick, in milliseconds. */
  readonly timerMs: number
  readonly maxAttempts: number
  readonly onExpire: 'report' | 'requeue'
  readonly expect: number | string[] | undefined
  /** No items were asked for: the workers are the pieces. */
  readonly itemless: boolean
  // What older versions do not know (see `usesNewFeatures` in queue-record.ts).
  readonly backoff?: Backoff
  /** Results of items are kept. */
  readonly results?: boolean
  /** The queues that have to be done before an item of this one is leased. */
  readonly after?: readonly string[]
  /** What an item that is dead there means. */
  readonly afterDead?: 'wait' | 'run'
  /** Pages that are done go, only their numbers stay. */
  readonly keepDone?: 'counts'
  /** How long a worker that has ended stays on record, in milliseconds. */
  readonly keepMembersMs?: number
}
