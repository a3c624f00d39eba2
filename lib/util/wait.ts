// Waiting inside the library: until something rings, time runs out, or a signal aborts.

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

/** Remembers a ring that came while nobody waited. */
export class Notifier {
  #rung = false
  #wake: (() => void) | undefined

  readonly ring = (): void => {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves at the next ring, or after `ms`; at once when it rang since the last wait. Says whether it rang. */
  async wait(ms: number, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    if (!this.#rung) {
      let timer: NodeJS.Timeout | undefined
      const rung = new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1))
      })
      try {
        await abortable(rung, signal)
      } finally {
        clearTimeout(timer)
        this.#wake = undefined
      }
    }
    const rung = this.#rung
    this.#rung = false
    return rung
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
