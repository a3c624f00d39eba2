// One of the N workers of `rollcall work`: a timer, and one command at a time. Whatever takes the timer away costs
// that one command; the worker makes a new timer and goes on.

import type { WatchdogQueue } from '../../../queue/watchdog-queue'
import type { WatchdogTimer } from '../../../queue/worker/timer'
import type { LineItem } from '../../parse/items'
import { CommandPlace } from '../../support/command-board'
import { Attempt } from './attempt'
import type { WorkSession } from './session'

export class Worker {
  readonly #session: WorkSession
  readonly #queue: WatchdogQueue<LineItem>
  readonly #id: string
  #place: CommandPlace | undefined

  constructor(session: WorkSession, id: string) {
    this.#session = session
    this.#queue = session.queue
    this.#id = id
  }

  /** Until the queue is done, or this process is told to stop. */
  async run(): Promise<void> {
    const { board } = this.#session.flags
    if (board !== undefined) this.#place = await CommandPlace.claim(board, this.#id)
    try {
      while ((await this.#runTimer()) === 'lost') {
        if (this.#session.isStopped) return
      }
    } finally {
      this.#place?.close()
    }
  }

  /** One timer's life: `'lost'` where it was taken away before the work was over. */
  async #runTimer(): Promise<'over' | 'lost'> {
    const { leasing, flags, supervisor } = this.#session
    const timer = await this.#queue.createTimer(this.#id)
    const guard = timer.guardPath
    if (guard !== undefined) await supervisor.guard(guard)
    try {
      await timer.run((lease) => new Attempt(this.#session, lease, timer, this.#place).run(), {
        until: flags.until,
        // What one worker has leased and not begun would come behind what others begin.
        maxBatch: flags.keepOrder ? 1 : undefined,
        signal: leasing,
      })
      await timer.end()
      return 'over'
    } catch (error) {
      if (isTakenAway(timer)) {
        // What user code never had goes back with the timer.
        if (!this.#session.isStopped)
          this.#session.printer.note(`${this.#id}: ${reasonOf(timer)}, going on with a new timer`)
        return 'lost'
      }
      if (!leasing.aborted) throw error
      await timer.end({ status: 'failed', code: this.#session.exitCode })
      return 'over'
    } finally {
      if (guard !== undefined) supervisor.unguard(guard)
    }
  }
}

/** The timer is gone, not the queue or our handle of it. */
function isTakenAway(timer: WatchdogTimer<LineItem>): boolean {
  const { aborted, reason } = timer.signal
  const code = (reason as { code?: string } | undefined)?.code
  return aborted && (code === 'ERR_NOT_FOUND' || code === 'ERR_SESSION_LOST')
}

function reasonOf(timer: WatchdogTimer<LineItem>): string {
  const { code } = timer.signal.reason as { code?: string }
  return code === 'ERR_SESSION_LOST' ? 'the session was lost' : 'its timer was taken away'
}
