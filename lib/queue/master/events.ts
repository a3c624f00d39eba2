// The queue's life as a stream: the differences between one look and the next. What ends a worker,
// an item or a round is told exactly once to each subscriber; kicks and returned items are sampled.

import { WatchdogError } from '../../util/errors'
import { Notifier } from '../../util/wait'
import { isDead } from '../items/dead-letters'
import { type Entry, Members } from '../members/members'
import { periodOf } from '../members/reaper'
import type { WatchdogEvent, WatchdogEventType } from '../types'
import type { AttachedQueue } from '../worker/attached-queue'

const ENDINGS: Record<string, WatchdogEventType> = { finished: 'finished', failed: 'failed', died: 'died' }

class Observer {
  readonly #attachment: AttachedQueue
  readonly #roster: Members
  readonly #seen = new Map<string, Entry>()
  #dead = new Set<string>()
  #returned = 0
  #done = false
  #started = false
  pending: WatchdogEvent[] = []

  constructor(attachment: AttachedQueue) {
    this.#attachment = attachment
    this.#roster = new Members(attachment.run)
  }

  tell(type: WatchdogEventType, more: { timer?: string; item?: string } = {}): void {
    this.pending.push({ type, at: Date.now(), ...more })
    if (type === 'suspended') this.#roster.suspend()
    if (type === 'resumed') this.#roster.resume()
  }

  /**
   * Reads backwards in time, ends of workers before what they did, so that no look sees an end
   * without what led to it; and tells forwards.
   */
  async look(): Promise<void> {
    const { run } = this.#attachment
    const entries = await this.#roster.observe()
    const done = (await this.#attachment.pages.open()) === undefined
    const letters = await run.store.list(run.at('dead'))
    if (letters === undefined) throw run.closed()
    // Who comes after the end hears of it first.
    const late = done && !this.#started
    if (late) this.tell('done')
    const endings = entries.flatMap((entry) => this.#compare(entry))
    await this.#compareLetters(letters)
    if (!done) await this.#sampleReturned()
    if (done && !this.#done && !late) this.tell('done')
    for (const { type, timer } of endings) this.tell(type, { timer })
    this.#done = done
    this.#started = true
  }

  /** Tells that a worker has come or kicked. Returns how it ended, if that is new. */
  #compare(entry: Entry): { type: WatchdogEventType; timer: string }[] {
    const timer = entry.id
    const before = this.#seen.get(entry.wid)
    this.#seen.set(entry.wid, entry)
    if (before === undefined) this.tell('started', { timer })
    else if (entry.version !== undefined && before.version !== entry.version) this.tell('kicked', { timer })
    const type = entry.state === 'expired' ? 'expired' : ENDINGS[entry.state]
    return before?.state === entry.state || type === undefined ? [] : [{ type, timer }]
  }

  async #compareLetters(letters: readonly string[]): Promise<void> {
    const dead = await Promise.all(
      letters.map(async (item) => this.#dead.has(item) || (await isDead(this.#attachment, item))),
    )
    const now = letters.filter((_, i) => dead[i])
    for (const item of now) if (!this.#dead.has(item)) this.tell('dead', { item })
    this.#dead = new Set(now)
  }

  async #sampleReturned(): Promise<void> {
    const { pages } = this.#attachment
    const open = (await pages.open())?.pages ?? []
    const states = await Promise.all(open.map((page) => pages.writer(page).read()))
    const returned = states.reduce((total, { state }) => total + state.returned, 0)
    if (this.#started && returned > this.#returned) this.tell('requeued')
    this.#returned = returned
  }
}

export async function* events(
  attachment: AttachedQueue,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchdogEvent, void, undefined> {
  const { run } = attachment
  const observer = new Observer(attachment)
  const bell = new Notifier()
  const release = attachment.keeper.hold()
  const stops = [
    run.store.onEvent((event) => {
      observer.tell(event)
      bell.ring()
    }),
  ]
  try {
    for (const name of ['members', 'timers', 'dead', 'open'] as const) {
      stops.push(await run.store.watch(run.at(name), 'children', bell.ring))
    }
    for (;;) {
      signal?.throwIfAborted()
      try {
        await observer.look()
      } catch (error) {
        if (!(error instanceof WatchdogError) || !error.retryable) throw error
      }
      yield* observer.pending.splice(0)
      if (observer.pending.length === 0) await bell.wait(periodOf(run), signal)
    }
  } finally {
    for (const stop of stops) stop()
    release()
  }
}
