// The queues on the page: asked now and then while somebody looks, for all pages together, and waited for
// only so long: what is not known in time is shown as it was, with the reason.

import { countTimers } from '../queue/timer-report'
import type { QueueCounts, TimerCounts, TimerInfo } from '../queue/types'
import type { WatchdogQueue } from '../queue/watchdog-queue'
import { type QueueReading, readQueue } from '../view/queue-reading'
import { cut, escapeControls, statusText } from '../view/text'

export type Queues = Readonly<Record<string, WatchdogQueue<never>>>

/** A timer that was not kicked in time. */
export interface ExpiredView {
  id: string
  ageMs: number | undefined
  /** Host and process. */
  where: string
  progress: string
}

export interface QueueView {
  name: string
  counts?: QueueCounts
  timers?: TimerCounts
  /** The first of them; `timers.expired` says how many there are. */
  expired: ExpiredView[]
  /** Why it is not up to date. */
  error?: string
}

const MOST_EXPIRED = 50
const REFRESH_MS = 2000
const ANSWER_MS = 5000

export class QueueFeed {
  readonly #queues: Queues
  #views: QueueView[]
  #askedAt = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined

  constructor(queues: Queues) {
    this.#queues = queues
    this.#views = Object.keys(queues).map((name) => ({ name: shownName(name), expired: [] }))
  }

  get views(): readonly QueueView[] {
    return this.#views
  }

  /** Asks again when the answers are old. Resolves when they are there, or after a while without; never rejects. */
  async refresh(): Promise<void> {
    if (this.#views.length === 0) return
    if (!this.#asking && performance.now() - this.#askedAt >= REFRESH_MS) {
      this.#askedAt = performance.now()
      this.#asking = this.#ask().finally(() => {
        this.#asking = undefined
      })
    }
    await this.#asking
  }

  /** What can be read of them right now, for metrics; a queue that does not answer is left out. */
  async read(): Promise<QueueReading[]> {
    const asked = Object.entries(this.#queues).map(([name, queue]) => inTime(readQueue(name, queue)))
    const answers = await Promise.allSettled(asked)
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  }

  async #ask(): Promise<void> {
    const asked = Object.entries(this.#queues).map(([name, queue]) => inTime(ask(name, queue)))
    const answers = await Promise.allSettled(asked)
    this.#views = answers.map((answer, i) => {
      if (answer.status === 'fulfilled') return answer.value
      const message = answer.reason instanceof Error ? answer.reason.message : String(answer.reason)
      return { ...this.#views[i]!, error: cut(escapeControls(message.slice(0, 2000)), 400) }
    })
  }
}

async function ask(name: string, queue: WatchdogQueue<never>): Promise<QueueView> {
  const { counts, timers } = await readQueue(name, queue)
  const expired = timers.filter(({ state }) => state === 'expired')
  return {
    name: shownName(name),
    counts,
    timers: countTimers(timers),
    expired: expired.slice(0, MOST_EXPIRED).map(viewExpired),
  }
}

function viewExpired({ id, ageMs, host, pid, progress }: TimerInfo): ExpiredView {
  return {
    id: cut(escapeControls(id), 64),
    ageMs,
    where: cut(escapeControls([host, pid].filter((part) => part !== undefined).join(' ')), 64),
    progress: progress === undefined ? '' : statusText(progress, 160),
  }
}

function shownName(name: string): string {
  return cut(escapeControls(name), 200)
}

/** A server that does not answer must not hold the page. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer for ${ANSWER_MS / 1000} s`)), ANSWER_MS)
    timer.unref()
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
