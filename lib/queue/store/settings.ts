// What was agreed on when a queue was created. It is part of the queue's record, and of what a reaper in
// another thread is told.

export interface Settings {
  /** How long a timer may stay without a kick, in milliseconds. */
  readonly timerMs: number
  readonly maxAttempts: number
  readonly onExpire: 'report' | 'requeue'
  readonly expect: number | string[] | undefined
  /** No items were asked for: the workers are the pieces. */
  readonly itemless: boolean
}
