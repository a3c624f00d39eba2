// A queue that masters and workers on many machines share, with a watchdog over the workers. The
// protocol is described in docs/PROTOCOL.md; this class is its public face.

import { hostname } from 'node:os'
import {
  checkOptions,
  describeValue,
  optionalBoolean,
  optionalInteger,
  optionalSignal,
} from '../util/check-options'
import { WatchdogError } from '../util/errors'
import { abortable } from '../util/wait'
import { checkConnectOptions, checkCreateOptions, checkTimerId, MAX_MS } from './check-options'
import { openStore } from './connect'
import { addItems, attach, seal } from './incarnation/attach'
import { create } from './incarnation/create'
import { destroy } from './incarnation/destroy'
import { EMPTY, randomName } from './incarnation/incarnation'
import { deadLetters, redrive } from './items/dead-letters'
import { events } from './master/events'
import { countItems, timerInfos, waitDone, waitStarted, waitSync } from './master/waits'
import { countTimers, decodeMember, encodeMember } from './members/members'
import { ANY_VERSION, type Store } from './store/store'
import type {
  ConnectOptions,
  CreateQueueOptions,
  DeadLetter,
  DoneReport,
  QueueCounts,
  TimerCounts,
  TimerInfo,
  WaitOptions,
  WatchdogEvent,
} from './types'
import { AttachedQueue } from './worker/attached-queue'
import { WatchdogTimer } from './worker/timer'

const MAX_WID_PREFIX = 60

/**
 * A handle on a queue that many workers share, for its master, its workers, and who only looks.
 * `connect()` makes one; it makes no queue.
 */
export class WatchdogQueue<Item = string> {
  readonly #store: Store
  readonly #forget: () => void
  readonly #handle = randomName(4)
  /** Consumes on their way, by slot: each slot is recorded apart, so that each can be recalled. */
  readonly #consuming = new Set<number>()
  #consumes = 0
  #attachment: AttachedQueue | undefined
  #attaching: Promise<AttachedQueue> | undefined
  #lastTimer: WatchdogTimer<Item> | undefined
  #closing: Promise<void> | undefined

  private constructor(store: Store) {
    this.#store = store
    this.#forget = store.onEvent((event) => {
      const attachment = this.#attachment
      if (event === 'suspended') attachment?.roster.suspend()
      if (event === 'resumed') attachment?.roster.resume()
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
    checkConnectOptions(options)
    return new WatchdogQueue<Item>(await openStore(url, options))
  }

  /** ZooKeeper: what another process needs to take over this session. */
  get session(): { id: string; password: string } | undefined {
    return this.#store.session
  }

  // ------------------------------------------------------------------ the life of the queue

  /** Creates the queue: visible all at once, with all its items, or not at all. */
  async createQueue(options: CreateQueueOptions<Item> = {}): Promise<void> {
    const request = checkCreateOptions(options)
    this.#assertOpen()
    this.#use(await create(this.#store, request))
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
    this.#use(await attach(this.#store, options))
  }

  /** Adds items to a queue that was created with `sealed: false`. */
  add(items: Iterable<Item> | AsyncIterable<Item>): Promise<void> {
    return this.#with(({ run }) => addItems(run, items))
  }

  /** Says that no more items will come, so that the queue can be done. */
  seal(): Promise<void> {
    return this.#with(({ run }) => seal(run))
  }

  /** Removes the queue and everything in it. Pending waits reject with ERR_CLOSED; this handle stays usable. */
  async destroy(): Promise<void> {
    this.#assertOpen()
    await destroy(this.#store)
    const attachment = this.#attachment
    if (attachment !== undefined) this.#detach(attachment)
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) {
      throw new WatchdogError('ERR_CLOSED', `This handle of ${this.#store.url} is closed`, {
        retryable: false,
      })
    }
  }

  #use(run: AttachedQueue['run']): AttachedQueue {
    const before = this.#attachment
    if (before?.run.id === run.id && before.run.settings.timerMs === run.settings.timerMs) return before
    this.#attachment = new AttachedQueue(run)
    if (before?.run.id === run.id) for (const timer of before.timers) this.#attachment.timers.add(timer)
    return this.#attachment
  }

  async #attach(): Promise<AttachedQueue> {
    this.#assertOpen()
    if (this.#attachment !== undefined) return this.#attachment
    this.#attaching ??= attach(this.#store, {})
      .then((run) => this.#use(run))
      .finally(() => {
        this.#attaching = undefined
      })
    return this.#attaching
  }

  #detach(attachment: AttachedQueue): void {
    for (const timer of attachment.timers) timer.lose(attachment.run.closed())
    if (this.#attachment === attachment) this.#attachment = undefined
  }

  /** Calls with an attachment; one whose queue turns out to be gone is dropped. */
  async #with<R>(work: (attachment: AttachedQueue) => Promise<R>): Promise<R> {
    const attachment = await this.#attach()
    try {
      return await work(attachment)
    } catch (error) {
      if ((error as WatchdogError).code === 'ERR_CLOSED' && this.#closing === undefined)
        this.#detach(attachment)
      throw error
    }
  }

  #loseTimers(): void {
    const timers = [...(this.#attachment?.timers ?? [])]
    const why = `The session with ${this.#store.url} ended, and the timer with it; call createTimer() again`
    for (const timer of timers) timer.lose(new WatchdogError('ERR_SESSION_LOST', why))
    this.#attachment?.timers.clear()
  }

  // ------------------------------------------------------------------ the master

  /** Waits for the start barrier to be removed by the first timer; false when time ran out. */
  waitSync(options: WaitOptions = {}): Promise<boolean> {
    return this.#wait(options, [], 'waitSync()', (attachment) => waitSync(attachment, options))
  }

  /** Waits for so many different timers to have been made; false when time ran out. */
  async waitStarted(options: WaitOptions & { count: number }): Promise<boolean> {
    checkOptions(options, ['count', 'timeoutMs', 'signal'], 'the options of waitStarted()')
    if (optionalInteger(options.count, 'count', 0, 1_000_000) === undefined) {
      throw new TypeError("Expected option 'count' to be an integer, got undefined")
    }
    return this.#wait(options, ['count'], 'waitStarted()', (attachment) => waitStarted(attachment, options))
  }

  /**
   * Waits for every item to be done or dead and, with `workers`, for no worker to be merely alive.
   * When time runs out: ERR_TIMEOUT, whose `report` says how far it was.
   */
  waitDone(options: WaitOptions & { workers?: boolean } = {}): Promise<DoneReport> {
    return this.#wait(options, ['workers'], 'waitDone()', (attachment) => {
      optionalBoolean(options.workers, 'workers')
      return waitDone(attachment, options)
    })
  }

  async #wait<R>(
    options: WaitOptions,
    more: string[],
    what: string,
    wait: (attachment: AttachedQueue) => Promise<R>,
  ): Promise<R> {
    checkOptions(options, ['timeoutMs', 'signal', ...more], `the options of ${what}`)
    optionalInteger(options.timeoutMs, 'timeoutMs', 0, MAX_MS)
    optionalSignal(options.signal, 'signal')
    options.signal?.throwIfAborted()
    return this.#with((attachment) => abortable(wait(attachment), options.signal))
  }

  /** How many items nobody has taken yet. */
  async queueCount(): Promise<number> {
    return (await this.counts()).ready
  }

  /** How many items are ready, leased, done and dead. */
  counts(): Promise<QueueCounts> {
    return this.#with(countItems)
  }

  /** How many timers are there, expired ones included, and what became of the others. */
  checkTimers(): Promise<TimerCounts> {
    return this.#with(async (attachment) => countTimers(await timerInfos(attachment)))
  }

  /** All timers, oldest first; an id that was used twice is there twice. */
  async getTimers(options: { expiredOnly?: boolean } = {}): Promise<TimerInfo[]> {
    checkOptions(options, ['expiredOnly'], 'the options of getTimers()')
    const expiredOnly = optionalBoolean(options.expiredOnly, 'expiredOnly') ?? false
    const infos = await this.#with(timerInfos)
    return expiredOnly ? infos.filter(({ state }) => state === 'expired') : infos
  }

  /** Removes all timers, and nothing else; what they held comes back. */
  clearTimers(): Promise<void> {
    return this.#with(async ({ run }) => {
      const names = await run.store.list(run.at('members'))
      if (names === undefined) throw run.closed()
      await Promise.all(
        names.map(async (wid) => {
          const node = await run.store.get(run.at('members', wid))
          const member = node && decodeMember(node.data)
          if (member?.status !== 'running') return
          await run.store.set(
            run.at('members', wid),
            encodeMember({ ...member, status: 'cleared' }),
            node!.version,
          )
          await run.store.delete(run.at('timers', wid), ANY_VERSION)
        }),
      )
    })
  }

  /** The items that have failed as often as they may, as they are found. */
  async *deadLetters(): AsyncGenerator<DeadLetter<Item>, void, undefined> {
    yield* deadLetters(await this.#attach()) as AsyncGenerator<DeadLetter<Item>, void, undefined>
  }

  /** Queues all dead letters again, with all their attempts. Returns how many. */
  redrive(): Promise<number> {
    return this.#with(redrive)
  }

  /** What happens, as it happens, from everything that has happened on. Ends with `break` or `signal`. */
  async *events(options: { signal?: AbortSignal } = {}): AsyncGenerator<WatchdogEvent, void, undefined> {
    checkOptions(options, ['signal'], 'the options of events()')
    const signal = optionalSignal(options.signal, 'signal')
    signal?.throwIfAborted()
    yield* events(await this.#attach(), signal)
  }

  // ------------------------------------------------------------------ the worker

  /** Starts this worker's timer, and removes the start barrier. The id need not be unique. */
  async createTimer(id: string): Promise<WatchdogTimer<Item>> {
    checkTimerId(id)
    return this.#with(async (attachment) => {
      const { run } = attachment
      const wid = `${encodeURIComponent(Buffer.from(id).toString()).slice(0, MAX_WID_PREFIX)}~${randomName(6)}`
      const timer = new WatchdogTimer<Item>(attachment, id, wid)
      attachment.timers.add(timer)
      try {
        const { deathDelayMs } = this.#store
        const who = { id, pid: process.pid, host: hostname(), startedAt: Date.now(), deathDelayMs }
        const member = { ...who, status: 'running' as const }
        if ((await run.store.create(run.at('timers', wid), EMPTY, { ephemeral: true })) === 'orphan')
          throw run.closed()
        if ((await run.store.create(run.at('members', wid), encodeMember(member))) === 'orphan')
          throw run.closed()
        let stop = () => {}
        stop = await run.store.watch(run.at('timers', wid), 'gone', () =>
          this.#timerGone(attachment, timer, wid, () => stop()),
        )
        await run.store.delete(run.at('sync'), ANY_VERSION)
        timer.signal.throwIfAborted()
      } catch (error) {
        attachment.timers.delete(timer)
        throw error
      }
      this.#lastTimer = timer
      return timer
    })
  }

  /** A look before the verdict: the watch may have fired for another reason. */
  #timerGone(attachment: AttachedQueue, timer: WatchdogTimer<Item>, wid: string, stop: () => void): void {
    if (!attachment.timers.has(timer)) {
      stop()
      return
    }
    attachment.run.store.info(attachment.run.at('timers', wid)).then(
      (info) => {
        if (info !== undefined || !attachment.timers.has(timer)) return
        stop()
        attachment.timers.delete(timer)
        timer.lose(timer.goneError())
      },
      () => {},
    )
  }

  /** Takes one item for good: it counts as done at once, and is lost if this process dies now. */
  consume(): Promise<Item | undefined> {
    return this.#with(async ({ pages }) => {
      let slot = 0
      while (this.#consuming.has(slot)) slot++
      this.#consuming.add(slot)
      try {
        const taken = await pages.consume(`${this.#handle}.${slot}`, ++this.#consumes)
        if (typeof taken === 'string') return undefined
        const item = (await pages.item(taken.page, taken.result)) as Item
        await pages.finishIfComplete(taken.page)
        return item
      } finally {
        this.#consuming.delete(slot)
      }
    })
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
  async node(path: string): Promise<{ data: Buffer; version: number; children: string[] } | undefined> {
    if (typeof path !== 'string') throw new TypeError(`Expected a path, got ${describeValue(path)}`)
    this.#assertOpen()
    return this.#store.look(path)
  }

  /** Gives open leases back and ends the connection. The queue stays; timers that were not ended count as died. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const attachment = this.#attachment
    const timers = [...(attachment?.timers ?? [])]
    await Promise.all(timers.map((timer) => timer.releaseAll()))
    this.#forget()
    await this.#store.close()
    const why = new WatchdogError('ERR_CLOSED', `This handle of ${this.#store.url} is closed`, {
      retryable: false,
    })
    for (const timer of timers) timer.lose(why)
    await attachment?.keeper.idle()
  }

  /** `close()`, for `await using`. The queue stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
