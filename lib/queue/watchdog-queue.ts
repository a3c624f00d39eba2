// A queue that masters and workers on many machines share, with a watchdog over the workers. The
// protocol is described in docs/PROTOCOL.md; this class is its public face.

import { MAX_MS } from '../util/bounds'
import {
  checkOptions,
  describeValue,
  optionalBoolean,
  optionalInteger,
  optionalSignal,
} from '../util/check-options'
import { WatchdogError } from '../util/errors'
import type { NodeBuffer } from '../util/node-types'
import { abortable } from '../util/wait'
import type { Incarnation } from './incarnation/incarnation'
import type { AttachedQueue } from './members/attached-queue'
import type { Store } from './store/store'
import type {
  AddOptions,
  ConnectOptions,
  CreateQueueOptions,
  DeadLetter,
  DoneReport,
  EventsOptions,
  ItemInfo,
  ItemResult,
  ItemsOptions,
  QueueCounts,
  TimerCounts,
  TimerInfo,
  WaitOptions,
  WatchdogEvent,
} from './types'
import type { WatchdogTimer } from './worker/timer'

/** How long `close()` tries to end timers well, and to give back what is leased. */
const GOODBYE_MS = 2000

/** Loaded by the first `connect()`: whoever wants only a board has the class, and nothing behind it. */
const inside = () => require('./inside') as typeof import('./inside')

/**
 * A handle on a queue that many workers share, for its master, its workers, and for those that only look.
 * `connect()` makes one; it makes no queue.
 */
export class WatchdogQueue<Item = string> {
  readonly #store: Store
  readonly #forget: () => void
  readonly #consumer = new (inside().Consumer)()
  #attached: AttachedQueue | undefined
  #attaching: Promise<AttachedQueue> | undefined
  #lastTimer: WatchdogTimer<Item> | undefined
  #closing: Promise<void> | undefined

  private constructor(store: Store) {
    this.#store = store
    this.#forget = store.onEvent((event) => {
      if (event === 'suspended') this.#attached?.members.suspend()
      if (event === 'resumed') this.#attached?.members.resume()
      if (event === 'lost') this.#loseTimers()
    })
  }

  /**
   * Connects to the place that keeps the queue. Creates nothing.
   *
   * @param url `zk://host1:port,host2:port/path`
   */
  static async connect<Item = string>(
    url: string,
    options: ConnectOptions = {},
  ): Promise<WatchdogQueue<Item>> {
    inside().checkConnectOptions(options)
    return new WatchdogQueue<Item>(await inside().openStore(url, options))
  }

  /** ZooKeeper: what another process needs to take over this session. */
  get session(): { id: string; password: string } | undefined {
    return this.#store.session
  }

  // ------------------------------------------------------------------ the life of the queue

  /** Creates the queue: visible all at once, with all its items, or not at all. */
  async createQueue(options: CreateQueueOptions<Item> = {}): Promise<void> {
    const request = inside().checkCreateOptions(options)
    this.#assertOpen()
    const after = request.settings.after?.map(inside().canonicalUrl)
    if (after !== undefined)
      await inside().refuseCircle(this.#store, inside().canonicalUrl(this.#store.url), after)
    const settings = after === undefined ? request.settings : { ...request.settings, after }
    this.#use(await inside().create(this.#store, { ...request, settings }))
  }

  /** Attaches to a queue. With `timeoutMs`, waits for one that does not exist yet. */
  async attachQueue(
    options: { timerMs?: number; timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<void> {
    checkOptions(options, ['timerMs', 'timeoutMs', 'signal'], 'the options of attachQueue()')
    optionalInteger(options.timerMs, 'timerMs', 1, MAX_MS)
    optionalInteger(options.timeoutMs, 'timeoutMs', 0, MAX_MS)
    optionalSignal(options.signal, 'signal')
    this.#assertOpen()
    this.#use(await inside().attach(this.#store, options))
  }

  /** Adds items to a queue that was created with `sealed: false`. Gives the ids of those that it added. */
  add(items: Iterable<Item> | AsyncIterable<Item>, options: AddOptions<Item> = {}): Promise<string[]> {
    const request = inside().checkAddOptions(options)
    return this.#with(({ pages }) => pages.adder.add(items, request))
  }

  /** Says that no more items will come, so that the queue can be done. */
  seal(): Promise<void> {
    return this.#with(({ incarnation }) => inside().seal(incarnation))
  }

  /** Removes the queue and everything in it. Pending waits reject with ERR_CLOSED; this handle stays usable. */
  async destroy(): Promise<void> {
    this.#assertOpen()
    await inside().destroy(this.#store)
    const queue = this.#attached
    if (queue !== undefined) this.#detach(queue)
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) {
      throw new WatchdogError('ERR_CLOSED', `This handle of ${this.#store.url} is closed`, {
        retryable: false,
      })
    }
  }

  #use(incarnation: Incarnation): AttachedQueue {
    const before = this.#attached
    if (
      before?.incarnation.id === incarnation.id &&
      before.incarnation.settings.timerMs === incarnation.settings.timerMs
    )
      return before
    this.#attached = new (inside().AttachedQueue)(incarnation)
    if (before?.incarnation.id === incarnation.id)
      for (const timer of before.timers) this.#attached.timers.add(timer)
    return this.#attached
  }

  async #attach(): Promise<AttachedQueue> {
    this.#assertOpen()
    if (this.#attached !== undefined) return this.#attached
    this.#attaching ??= inside()
      .attach(this.#store, {})
      .then((incarnation) => this.#use(incarnation))
      .finally(() => {
        this.#attaching = undefined
      })
    return this.#attaching
  }

  #detach(queue: AttachedQueue): void {
    for (const timer of queue.timers) timer.lose(queue.incarnation.closed())
    if (this.#attached === queue) this.#attached = undefined
  }

  /** Works on the attached queue; one that turns out to be gone is dropped. */
  async #with<R>(work: (queue: AttachedQueue) => Promise<R>): Promise<R> {
    const queue = await this.#attach()
    try {
      return await work(queue)
    } catch (error) {
      if ((error as WatchdogError).code === 'ERR_CLOSED' && this.#closing === undefined) this.#detach(queue)
      throw error
    }
  }

  #loseTimers(): void {
    const timers = [...(this.#attached?.timers ?? [])]
    const why = `The session with ${this.#store.url} ended, and the timer with it; call createTimer() again`
    for (const timer of timers) timer.lose(new WatchdogError('ERR_SESSION_LOST', why))
    this.#attached?.timers.clear()
  }

  // ------------------------------------------------------------------ the master

  /** Waits for the start barrier to be removed by the first timer; false when time ran out. */
  waitSync(options: WaitOptions = {}): Promise<boolean> {
    return this.#wait(options, [], 'waitSync()', (queue) => inside().waitSync(queue, options))
  }

  /** Waits for so many different timers to have been made; false when time ran out. */
  async waitStarted(options: WaitOptions & { count: number }): Promise<boolean> {
    checkOptions(options, ['count', 'timeoutMs', 'signal'], 'the options of waitStarted()')
    if (optionalInteger(options.count, 'count', 0, 1_000_000) === undefined) {
      throw new TypeError("Expected option 'count' to be an integer, got undefined")
    }
    return this.#wait(options, ['count'], 'waitStarted()', (queue) => inside().waitStarted(queue, options))
  }

  /**
   * Waits for every item to be done or dead and, with `workers`, for no worker to be merely alive.
   * When time runs out: ERR_TIMEOUT, whose `report` says how far it was.
   */
  waitDone(options: WaitOptions & { workers?: boolean } = {}): Promise<DoneReport> {
    return this.#wait(options, ['workers'], 'waitDone()', (queue) => {
      optionalBoolean(options.workers, 'workers')
      return inside().waitDone(queue, options)
    })
  }

  async #wait<R>(
    options: WaitOptions,
    more: string[],
    what: string,
    wait: (queue: AttachedQueue) => Promise<R>,
  ): Promise<R> {
    checkOptions(options, ['timeoutMs', 'signal', ...more], `the options of ${what}`)
    optionalInteger(options.timeoutMs, 'timeoutMs', 0, MAX_MS)
    optionalSignal(options.signal, 'signal')
    options.signal?.throwIfAborted()
    return this.#with((queue) => abortable(wait(queue), options.signal))
  }

  /** How many items nobody has taken yet. */
  async queueCount(): Promise<number> {
    return (await this.counts()).ready
  }

  /** How many items are ready, leased, done and dead. */
  counts(): Promise<QueueCounts> {
    return this.#with((queue) => inside().countItems(queue))
  }

  /** Items and where each is, as they are found: those that come first, first. Looking changes nothing. */
  async *items(options: ItemsOptions = {}): AsyncGenerator<ItemInfo<Item>, void, undefined> {
    inside().checkItemsOptions(options)
    yield* inside().listItems(await this.#attach(), options) as AsyncGenerator<
      ItemInfo<Item>,
      void,
      undefined
    >
  }

  /** Of a queue with `results: true`: what came of each item that is done. */
  async *results(): AsyncGenerator<ItemResult<Item>, void, undefined> {
    const queue = await this.#attach()
    if (!queue.incarnation.settings.results) {
      const why = `The queue at ${this.#store.url} keeps no results; create it with option 'results': true`
      throw new WatchdogError('ERR_UNSUPPORTED', why)
    }
    yield* inside().listResults(queue) as AsyncGenerator<ItemResult<Item>, void, undefined>
  }

  /** How many timers are there, expired ones included, and what became of the others. */
  checkTimers(): Promise<TimerCounts> {
    return this.#with(async (queue) => inside().countTimers(await inside().timerInfos(queue)))
  }

  /** All timers, oldest first; an id that was used twice is there twice. */
  async getTimers(options: { expiredOnly?: boolean } = {}): Promise<TimerInfo[]> {
    checkOptions(options, ['expiredOnly'], 'the options of getTimers()')
    const expiredOnly = optionalBoolean(options.expiredOnly, 'expiredOnly') ?? false
    const infos = await this.#with((queue) => inside().timerInfos(queue))
    return expiredOnly ? infos.filter(({ state }) => state === 'expired') : infos
  }

  /** Removes all timers, and nothing else; what they held comes back. */
  clearTimers(): Promise<void> {
    return this.#with((queue) => inside().clearTimers(queue))
  }

  /** The items that have failed as often as they may, as they are found. */
  async *deadLetters(): AsyncGenerator<DeadLetter<Item>, void, undefined> {
    yield* inside().deadLetters(await this.#attach()) as AsyncGenerator<DeadLetter<Item>, void, undefined>
  }

  /** Queues all dead letters again, with all their attempts. Returns how many. */
  redrive(): Promise<number> {
    return this.#with((queue) => inside().redrive(queue))
  }

  /** What happens, as it happens, from everything that has happened on. Ends with `break` or `signal`. */
  async *events(options: EventsOptions = {}): AsyncGenerator<WatchdogEvent, void, undefined> {
    checkOptions(options, ['items', 'signal'], 'the options of events()')
    optionalBoolean(options.items, 'items')
    const signal = optionalSignal(options.signal, 'signal')
    signal?.throwIfAborted()
    yield* inside().events(await this.#attach(), options)
  }

  // ------------------------------------------------------------------ the worker

  /** Starts this worker's timer, and removes the start barrier. The id need not be unique. */
  async createTimer(id: string): Promise<WatchdogTimer<Item>> {
    inside().checkTimerId(id)
    return this.#with(async (queue) => {
      this.#lastTimer = await inside().createTimer<Item>(queue, id)
      return this.#lastTimer
    })
  }

  /** Takes one item for good: it counts as done at once, and is lost if this process dies now. */
  consume(): Promise<Item | undefined> {
    return this.#with(({ pages }) => this.#consumer.next(pages) as Promise<Item | undefined>)
  }

  /** Kicks the timer that this handle made last; false when it is gone. */
  async kickDog(): Promise<boolean> {
    this.#assertOpen()
    if (this.#lastTimer === undefined) {
      throw new WatchdogError(
        'ERR_NOT_FOUND',
        'This handle has made no timer to kick; call createTimer() first',
      )
    }
    return this.#lastTimer.kick()
  }

  // ------------------------------------------------------------------ the rest

  /** ZooKeeper: whether a node is there. A path without a slash in front is below the queue's root. */
  async exists(path: string): Promise<boolean> {
    return (await this.node(path)) !== undefined
  }

  /** ZooKeeper: a node as it is, for looking. */
  async node(path: string): Promise<{ data: NodeBuffer; version: number; children: string[] } | undefined> {
    if (typeof path !== 'string') throw new TypeError(`Expected a path, got ${describeValue(path)}`)
    this.#assertOpen()
    return this.#store.look(path)
  }

  /**
   * Gives open leases back and ends the connection. The queue stays. Timers that were not ended have finished where
   * nothing was in hand; others count as died.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const queue = this.#attached
    const timers = [...(queue?.timers ?? [])]
    await withinGoodbye(Promise.allSettled(timers.map((timer) => timer.close())))
    this.#forget()
    await this.#store.close()
    const why = new WatchdogError('ERR_CLOSED', `This handle of ${this.#store.url} is closed`, {
      retryable: false,
    })
    for (const timer of timers) timer.lose(why)
    await queue?.reaper.idle()
  }

  /** `close()`, for `await using`. The queue stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

// A bundler calls a class that speaks of itself otherwise, and users see the name.
Object.defineProperty(WatchdogQueue, 'name', { value: 'WatchdogQueue' })

/** A place that does not answer must not hold up whoever closes: its timers are then died, as after a kill. */
async function withinGoodbye(goodbyes: Promise<unknown>): Promise<void> {
  let clock: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    clock = setTimeout(resolve, GOODBYE_MS)
  })
  await Promise.race([goodbyes, limit])
  clearTimeout(clock)
}
