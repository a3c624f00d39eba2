// Waiting inside the library: until somebody notifies, time runs out, or a signal aborts.

/** Rejects when `signal` aborts before `promise` settles. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  signal.throwIfAborted()
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
    promise.catch(() => {})
  }
}

/** Remembers a notification that came while nobody waited. */
export class Notifier {
  #isNotified = false
  #wake: (() => void) | undefined

  readonly notify = (): void => {
    this.#isNotified = true
    this.#wake?.()
  }

  /**
   * Resolves at the next notification, or after `ms`; at once when one has come since the last wait. Says whether.
   * `isIdle`: the process need not live for it.
   */
  async wait(ms: number, signal?: AbortSignal, isIdle = false): Promise<boolean> {
    signal?.throwIfAborted()
    if (!this.#isNotified) {
      let timer: NodeJS.Timeout | undefined
      const notified = new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1))
        if (isIdle) timer.unref()
      })
      try {
        await abortable(notified, signal)
      } finally {
        clearTimeout(timer)
        this.#wake = undefined
      }
    }
    const wasNotified = this.#isNotified
    this.#isNotified = false
    return wasNotified
  }
}

/** What is left of a time-out. */
export class Deadline {
  readonly #end: number

  constructor(ms: number | undefined) {
    this.#end = ms === undefined ? Number.POSITIVE_INFINITY : performance.now() + ms
  }

  get left(): number {
    return Math.max(0, this.#end - performance.now())
  }

  get over(): boolean {
    return this.left === 0
  }
}
