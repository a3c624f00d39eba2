// The queue's life as a stream: the differences between one look and the next. What ends a worker,
// an item or a round is told exactly once to each subscriber; kicks and returned items are sampled.

import { WatchdogError } from '../../util/errors'
import { Notifier } from '../../util/wait'
import type { AttachedQueue } from '../members/attached-queue'
import { type Entry, Members } from '../members/members'
import { periodOf } from '../members/reaper'
import { GONE, type PageState } from '../page-state/page-state'
import { type PlacedRange, places } from '../page-state/places'
import * as ranges from '../page-state/ranges'
import type { EventsOptions, WatchdogEvent, WatchdogEventType } from '../types'
import { isDead } from './dead-letters'

const ENDINGS: Record<string, WatchdogEventType> = { finished: 'finished', failed: 'failed', died: 'died' }

class Observer {
  readonly #queue: AttachedQueue
  readonly #members: Members
  readonly #seen = new Map<string, Entry>()
  #dead = new Set<string>()
  /** Pages as they were at the last look. */
  #pages = new Map<string, PageState>()
  readonly #tellsItems: boolean
  #done = false
  #started = false
  pending: WatchdogEvent[] = []

  constructor(queue: AttachedQueue, tellsItems: boolean) {
    this.#queue = queue
    this.#tellsItems = tellsItems
    this.#members = new Members(queue.incarnation)
  }

  tell(type: WatchdogEventType, more: Pick<WatchdogEvent, 'timer' | 'item' | 'progress'> = {}): void {
    this.pending.push({ type, at: Date.now(), ...more })
    if (type === 'suspended') this.#members.suspend()
    if (type === 'resumed') this.#members.resume()
  }

  /**
   * Reads backwards in time, ends of workers before what they did, so that no look sees an end
   * without what led to it; and tells forwards.
   */
  async look(): Promise<void> {
    const { incarnation } = this.#queue
    const entries = await this.#members.observe()
    const done = (await this.#queue.pages.open.list()) === undefined
    const deadIds = await incarnation.store.list(incarnation.at('dead'))
    if (deadIds === undefined) throw incarnation.closed()
    // A subscriber that comes after the end hears of it first.
    const late = done && !this.#started
    if (late) this.tell('done')
    const endings = entries.flatMap((entry) => this.#compare(entry))
    await this.#compareDead(deadIds)
    await this.#compareItems()
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
    else if (entry.version !== undefined && before.version !== entry.version) {
      const { progress } = entry
      this.tell('kicked', progress === undefined ? { timer } : { timer, progress })
    }
    const type = entry.state === 'expired' ? 'expired' : ENDINGS[entry.state]
    return before?.state === entry.state || type === undefined ? [] : [{ type, timer }]
  }

  async #compareDead(deadIds: readonly string[]): Promise<void> {
    const dead = await Promise.all(
      deadIds.map(async (item) => this.#dead.has(item) || (await isDead(this.#queue, item))),
    )
    const now = deadIds.filter((_, i) => dead[i])
    for (const item of now) if (!this.#dead.has(item)) this.tell('dead', { item })
    this.#dead = new Set(now)
  }

  /** Tells which items came back since the last look and, where that is asked for, which are done. */
  async #compareItems(): Promise<void> {
    const { pages } = this.#queue
    const open = (await pages.open.list())?.pages ?? []
    // Those that were closed since are looked at once more.
    const names = [...new Set([...open, ...this.#pages.keys()])]
    const states = await Promise.all(names.map((name) => pages.states.look(name)))
    const known = this.#pages
    this.#pages = new Map()
    for (const [i, page] of names.entries()) {
      const state = states[i]!
      const before = known.get(page)
      if (open.includes(page)) this.#pages.set(page, state)
      if (!this.#started) continue
      if (state.returned > (before?.returned ?? 0)) this.#tellReturned(page, state, before)
      if (this.#tellsItems) this.#tellDone(page, state, before)
    }
  }

  #tellReturned(page: string, state: PageState, before: PageState | undefined): void {
    const items = indexesOf(state, isBack, before)
    for (const index of items) this.tell('requeued', { item: `${page}-${index}` })
    // Leased anew already.
    if (items.length === 0) this.tell('requeued')
  }

  #tellDone(page: string, state: PageState, before: PageState | undefined): void {
    // Gone, so all of it is done.
    const now =
      state === GONE && before !== undefined ? { ...GONE, size: before.size, cursor: before.size } : state
    for (const index of indexesOf(now, isDone, before)) this.tell('done', { item: `${page}-${index}` })
  }
}

const isDone = ({ place }: PlacedRange) => place === 'done'
const isBack = ({ place, attempts }: PlacedRange) =>
  place === 'delayed' || (place === 'ready' && attempts !== undefined)

/** Items of such places that were in none before. */
function indexesOf(
  state: PageState,
  is: (range: PlacedRange) => boolean,
  before: PageState | undefined,
): number[] {
  // Of items that were never leased nothing can have come back.
  const all = (page: PageState) => places(page, 0).filter((range) => is(range) && range.from < page.cursor)
  let left = all(state).map(({ from, to }): ranges.Range => [from, to])
  for (const { from, to } of before === undefined ? [] : all(before)) left = ranges.remove(left, from, to)
  return [...ranges.numbers(left)]
}

export async function* events(
  queue: AttachedQueue,
  options: EventsOptions,
): AsyncGenerator<WatchdogEvent, void, undefined> {
  const { signal } = options
  const observer = new Observer(queue, options.items ?? false)
  const view = new View(queue, observer)
  try {
    for (;;) {
      signal?.throwIfAborted()
      view.refresh()
      if (observer.pending.length > 0) yield* observer.pending.splice(0)
      else await view.news(signal)
    }
  } finally {
    view.close()
  }
}

/** Keeps an observer looking. What is said about the connection never waits for a look, which needs the connection. */
class View {
  readonly #queue: AttachedQueue
  readonly #observer: Observer
  readonly #notifier = new Notifier()
  readonly #stops: (() => void)[]
  readonly #unwatched = ['members', 'timers', 'dead', 'open']
  #isStale = true
  #isLooking = false
  #isClosed = false
  #failure: { error: unknown } | undefined

  constructor(queue: AttachedQueue, observer: Observer) {
    this.#queue = queue
    this.#observer = observer
    const forget = queue.incarnation.store.onEvent((event) => {
      observer.tell(event)
      this.#changed()
    })
    this.#stops = [queue.reaper.hold(), forget]
  }

  readonly #changed = (): void => {
    this.#isStale = true
    this.#notifier.notify()
  }

  /** Begins a look where something may have changed. Throws what the last one failed with for good. */
  refresh(): void {
    if (this.#failure !== undefined) throw this.#failure.error
    if (!this.#isStale || this.#isLooking) return
    this.#isStale = false
    this.#isLooking = true
    void this.#look().finally(() => {
      this.#isLooking = false
      this.#notifier.notify()
    })
  }

  async #look(): Promise<void> {
    try {
      await this.#watch()
      await this.#observer.look()
    } catch (error) {
      if (error instanceof WatchdogError && error.retryable) return
      this.#failure = { error }
    }
  }

  async #watch(): Promise<void> {
    const { incarnation } = this.#queue
    for (let name = this.#unwatched[0]; name !== undefined; name = this.#unwatched[0]) {
      const stop = await incarnation.store.watch(incarnation.at(name), 'children', this.#changed)
      this.#unwatched.shift()
      if (this.#isClosed) stop()
      else this.#stops.push(stop)
    }
  }

  /** Resolves when there may be something to tell or to look at. */
  async news(signal: AbortSignal | undefined): Promise<void> {
    const ms = this.#isLooking ? Number.POSITIVE_INFINITY : periodOf(this.#queue.incarnation)
    if (!(await this.#notifier.wait(ms, signal))) this.#isStale = true
  }

  close(): void {
    this.#isClosed = true
    for (const stop of this.#stops) stop()
  }
}
