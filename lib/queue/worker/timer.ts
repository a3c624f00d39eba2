// A worker's timer: the sign of its life, and what it holds leases with. The timer node is
// ephemeral, so it goes with the process; the member node says what became of it.

import type { JsonValue } from '../../scoreboard/types'
import { checkOptions, optionalInteger, optionalSignal } from '../../util/check-options'
import { maybeApplied, WatchdogError } from '../../util/errors'
import { Deadline } from '../../util/wait'
import { randomName } from '../incarnation/incarnation'
import { decodeMember, encodeMember } from '../members/members'
import type { Taken } from '../page-state/page-state'
import { ANY_VERSION } from '../store/store'
import type { EndResult, LeaseOptions, LeasesOptions, RunOptions } from '../types'
import type { AttachedQueue } from './attached-queue'
import { type BatchLimits, BatchSize } from './batch-size'
import { ItemWaiter } from './item-waiter'
import { Lease, type LeaseHolder, type LeaseTicket, type Settlement } from './lease'
import { PrefetchedClaims } from './prefetched-claim'
import { Prefetcher } from './prefetcher'

/** At most this share of `timerMs` between two writes of a kick. */
const KICKS_PER_TIMER = 10
const MAX_WAIT_MS = 2 ** 31 - 1
const BATCH: BatchLimits = { max: 500, ms: 200 }
/** How many acks `run()` leaves on their way before it waits for one. */
const MAX_PENDING_ACKS = 2000

/** What says that an item is out of this worker's hands. */
const NOT_OURS: ReadonlySet<string | undefined> = new Set(['ERR_LEASE_LOST', 'ERR_AMBIGUOUS'])

interface Doubt {
  readonly page: string
  readonly token: string
}

/**
 * A worker's timer: it says that the worker is there, by kicks that it makes progress, and what it has
 * leased.
 */
export class WatchdogTimer<Item = string> implements LeaseHolder {
  readonly id: string
  readonly #attachment: AttachedQueue
  readonly #wid: string
  readonly #abort = new AbortController()
  readonly #batch: BatchSize
  readonly #reserves: PrefetchedClaims
  readonly #ahead: Prefetcher
  /** Leases that are not settled, and how many of them user code has. */
  readonly #tickets = new Set<LeaseTicket>()
  #handed = 0
  /** Leases that wait in a stream for user code to come back. */
  #atHand = 0
  #doubts: Doubt[] = []
  /** What the tokens of its claims begin with. */
  readonly #name = randomName(6)
  #claims = 0
  #kickedAt: number
  #trailing: NodeJS.Timeout | undefined
  #progress: JsonValue | undefined
  #ended = false

  /** For `createTimer()` only. */
  constructor(attachment: AttachedQueue, id: string, wid: string) {
    this.#attachment = attachment
    this.#batch = new BatchSize(attachment, BATCH)
    this.#reserves = new PrefetchedClaims(attachment, wid, {
      newClaim: () => this.#newClaim(),
      take: (page, taken) => this.#leases(page, taken),
      forget: (ticket) => this.forget(ticket),
    })
    this.#ahead = new Prefetcher(this.#reserves)
    this.id = id
    this.#wid = wid
    this.#kickedAt = performance.now()
  }

  /** Aborts when the timer is expired (and its leases taken away), cleared or lost. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get #path(): string {
    return this.#attachment.run.at('timers', this.#wid)
  }

  /** @internal Ends the timer from outside: whatever waits or works on it hears of it. */
  lose(error: WatchdogError): void {
    clearTimeout(this.#trailing)
    this.#reserves.lose()
    if (!this.#ended) this.#abort.abort(error)
  }

  #assertLive(): void {
    if (this.#ended) throw new WatchdogError('ERR_CLOSED', `Timer ${this.id} has ended`)
    this.#abort.signal.throwIfAborted()
  }

  /**
   * Says that this worker makes progress. Resolves to false when the timer is gone. At most one write
   * per tenth of `timerMs`; a kick in between gives the last known answer.
   */
  async kick(progress?: JsonValue): Promise<boolean> {
    if (this.#ended || this.signal.aborted) return false
    if (progress !== undefined) this.#progress = progress
    const wait = this.#kickWait()
    if (wait <= 0) return this.#write()
    if (progress !== undefined && this.#trailing === undefined) {
      this.#trailing = setTimeout(() => this.#write().catch(() => {}), wait)
      this.#trailing.unref()
    }
    return true
  }

  /** How long until the next kick may be written, in milliseconds. */
  #kickWait(): number {
    const pause = this.#attachment.run.settings.timerMs / KICKS_PER_TIMER
    return pause - (performance.now() - this.#kickedAt)
  }

  async #write(): Promise<boolean> {
    clearTimeout(this.#trailing)
    this.#trailing = undefined
    this.#kickedAt = performance.now()
    const data = Buffer.from(this.#progress === undefined ? '' : JSON.stringify(this.#progress))
    const outcome = await this.#attachment.run.store.set(this.#path, data, ANY_VERSION)
    if (outcome.kind === 'set') return true
    this.lose(this.goneError())
    return false
  }

  /** @internal */
  goneError(): WatchdogError {
    return new WatchdogError('ERR_NOT_FOUND', `Timer ${this.id} is gone: it expired or was cleared`)
  }

  /** A sign of life on the side; its failure is for the next real request to tell. */
  #touch(): void {
    if (this.#kickWait() <= 0) this.kick().catch(() => {})
  }

  /**
   * Leases one item, at least once; undefined when there was none (in time), or the queue is done. Who asks
   * again and again as soon as an ack is on record gets the next items with that ack, in one write; those that it
   * has not come for by the next turn of the event loop are given back.
   */
  async lease(options: LeaseOptions = {}): Promise<Lease<Item> | undefined> {
    checkOptions(options, ['waitMs', 'signal'], 'the options of lease()')
    const waitMs = optionalInteger(options.waitMs, 'waitMs', 0, MAX_WAIT_MS) ?? 0
    optionalSignal(options.signal, 'signal')
    options.signal?.throwIfAborted()
    this.#assertLive()
    const ahead = await this.#ahead.take()
    if (ahead !== undefined) return this.#hand(ahead)
    const [ticket, ...others] = (await this.#next(1, waitMs, options.signal)) ?? []
    // More than one where a stream had claimed them and was never told.
    if (others.length > 0) await this.#releaseUnhanded(others)
    return ticket && this.#hand(ticket)
  }

  /** Leases items one after the other, fetching more than one at a time where they are short work. */
  async *leases(options: LeasesOptions = {}): AsyncGenerator<Lease<Item>, void, undefined> {
    checkOptions(options, ['until', 'signal'], 'the options of leases()')
    const { until = 'done', signal } = options
    if (until !== 'done' && until !== 'empty') {
      throw new TypeError(`Expected option 'until' to be 'done' or 'empty', got '${until}'`)
    }
    optionalSignal(signal, 'signal')
    const waitMs = until === 'done' ? Number.POSITIVE_INFINITY : 0
    let tickets: LeaseTicket[] = []
    try {
      for (;;) {
        const next = await this.#next(await this.#batch.size(), waitMs, signal)
        if (next === undefined) return
        tickets = next
        this.#atHand += tickets.length
        this.#batch.begin(tickets.length)
        while (tickets.length > 0) {
          signal?.throwIfAborted()
          this.#abort.signal.throwIfAborted()
          this.#atHand--
          yield this.#hand(tickets.shift()!)
        }
        this.#batch.end()
      }
    } finally {
      this.#atHand -= tickets.length
      await this.#releaseUnhanded(tickets)
    }
  }

  /** Leases, calls `handler`, acks on return, nacks on throw, until the queue is done. */
  async run(handler: (lease: Lease<Item>) => Promise<unknown>, options: RunOptions = {}): Promise<void> {
    checkOptions(options, ['concurrency', 'until', 'signal'], 'the options of run()')
    if (typeof handler !== 'function') throw new TypeError('Expected the handler to be a function')
    const concurrency = optionalInteger(options.concurrency, 'concurrency', 1, 10_000) ?? 1
    const active = new Set<Promise<void>>()
    const acks = new Set<Promise<void>>()
    const failure: { error?: unknown } = {}
    const failed = new AbortController()
    const track = (set: Set<Promise<void>>, work: Promise<void>) => {
      const tracked = work
        .catch((error) => {
          // That item is done, or another has it; the others are still ours.
          if (NOT_OURS.has((error as { code?: string }).code)) return
          failure.error ??= error
          failed.abort(failure.error)
        })
        .finally(() => set.delete(tracked))
      set.add(tracked)
    }
    const handle = async (lease: Lease<Item>) => {
      try {
        await handler(lease)
      } catch (error) {
        return lease.settled ? undefined : lease.nack(error)
      }
      if (!lease.settled) track(acks, lease.ack())
    }
    const signals = options.signal === undefined ? [failed.signal] : [failed.signal, options.signal]
    try {
      for await (const lease of this.leases({ until: options.until, signal: AbortSignal.any(signals) })) {
        track(active, handle(lease))
        while (active.size >= concurrency) await Promise.race(active)
        while (acks.size >= MAX_PENDING_ACKS) await Promise.race(acks)
      }
    } catch (error) {
      failure.error ??= error
    }
    while (active.size + acks.size > 0) await Promise.all([...active, ...acks])
    if (failure.error !== undefined) throw failure.error
  }

  /** From here on user code has it. */
  #hand(ticket: LeaseTicket): Lease<Item> {
    ticket.isHanded = true
    this.#handed++
    return new Lease<Item>(this, ticket)
  }

  /** Up to `max` leases; waits for the first. Undefined: none in time, or done. */
  async #next(max: number, waitMs: number, signal?: AbortSignal): Promise<LeaseTicket[] | undefined> {
    signal?.throwIfAborted()
    this.#assertLive()
    const first = await this.#take(max)
    if (first === 'done') return undefined
    if (first !== 'empty') return first
    if (waitMs === 0) return undefined
    return this.#wait(max, new Deadline(waitMs), signal)
  }

  async #wait(max: number, deadline: Deadline, signal?: AbortSignal): Promise<LeaseTicket[] | undefined> {
    const { run, keeper } = this.#attachment
    const idle = new ItemWaiter(run)
    const release = keeper.hold()
    const either = signal === undefined ? this.signal : AbortSignal.any([signal, this.signal])
    try {
      await idle.watch()
      for (;;) {
        const taken = await this.#take(max)
        if (taken === 'done') return undefined
        if (taken !== 'empty') return taken
        let isNews = false
        while (!isNews) {
          if (deadline.over) return undefined
          // The library waits, so it kicks, unless user code still has a lease and should do so itself.
          if (this.#handed === 0) this.#touch()
          isNews = await idle.wait(Math.min(deadline.left, run.settings.timerMs / KICKS_PER_TIMER), either)
          this.#assertLive()
        }
      }
    } finally {
      idle.stop()
      release()
    }
  }

  async #take(max: number): Promise<LeaseTicket[] | 'empty' | 'done'> {
    const { pages } = this.#attachment
    await this.#reserves.endAll()
    const adopted = await this.#adopt()
    if (adopted !== undefined) return adopted
    const { token } = this.#newClaim()
    let tried: string | undefined
    try {
      const taken = await pages.claim({ token, wid: this.#wid, max }, (page) => {
        tried = page
      })
      if (typeof taken === 'string') return taken
      this.#touch()
      return await this.#leases(taken.page, taken.result)
    } catch (error) {
      // The items may be leased to us: the next try looks there first.
      if (tried !== undefined) this.#doubts.push({ page: tried, token })
      throw error
    }
  }

  /** A token of no other timer, and of no other claim of this one. */
  #newClaim(): { token: string; number: number } {
    const number = ++this.#claims
    return { token: `${this.#name}${number.toString(36)}`, number }
  }

  /** As far as that goes: `end()` tries again. */
  async #releaseUnhanded(tickets: readonly LeaseTicket[]): Promise<void> {
    await Promise.all(tickets.map((ticket) => this.#release(ticket).catch(() => {})))
  }

  /** Gives back what user code never had. */
  async #release(ticket: LeaseTicket): Promise<void> {
    await this.settle(ticket, 'release')
    this.forget(ticket)
  }

  /** Takes up what a claim that ended in an error had leased all the same. */
  async #adopt(): Promise<LeaseTicket[] | undefined> {
    for (;;) {
      // Whoever else looks meanwhile must not find the same one.
      const doubt = this.#doubts.shift()
      if (doubt === undefined) return undefined
      try {
        const held = await this.#attachment.pages.claimed(doubt.page, doubt.token)
        if (held !== undefined) return await this.#leases(doubt.page, held)
      } catch (error) {
        this.#doubts.push(doubt)
        throw error
      }
    }
  }

  async #leases(page: string, taken: Taken): Promise<LeaseTicket[]> {
    const { token, from, to, attempts, fence } = taken
    const items = await this.#attachment.pages.items(page, from, to)
    return items.map((item, i) => {
      const index = from + i
      const ticket = { page, token, index, attempts, fence, item, inDoubt: false, isHanded: false }
      this.#tickets.add(ticket)
      return ticket
    })
  }

  /** @internal For leases. */
  async settle(ticket: LeaseTicket, as: Settlement, letter?: object): Promise<'settled' | 'dead' | 'lost'> {
    const { page, token, index } = ticket
    const { pages } = this.#attachment
    if (ticket.returned !== undefined && (await ticket.returned)) return 'lost'
    this.#touch()
    if (as === 'ack' && this.#ahead.record(ticket)) return 'settled'
    const reserve = this.#ahead.leave(ticket)
    // In the same write as what follows.
    const ending = reserve && this.#reserves.end(reserve)
    const { inDoubt } = ticket
    if (as !== 'ack') {
      const settled = pages.settle(page, { token, index, as, letter, inDoubt })
      const [outcome] = await Promise.all([settled, ending])
      if (outcome === 'settled') await this.#ringAfter()
      return outcome
    }
    // Who has more at hand is likely to ack more in the same turn.
    const isPatient = this.#atHand > 0
    const acked = pages.ack(page, { token, index, inDoubt, isPatient })
    this.#ahead.join(page)
    try {
      return (await Promise.all([acked, ending]))[0]
    } catch (error) {
      throw inDoubt ? maybeApplied(error) : error
    } finally {
      this.#ahead.acked()
    }
  }

  /** Tells others of an item that is back. */
  async #ringAfter(): Promise<void> {
    try {
      await this.#attachment.ring()
    } catch (error) {
      throw maybeApplied(error)
    }
  }

  /** @internal For leases. */
  forget(ticket: LeaseTicket): void {
    if (this.#tickets.delete(ticket) && ticket.isHanded) this.#handed--
  }

  /** @internal Gives back what is still leased; attempts do not count. */
  async releaseAll(): Promise<void> {
    this.#reserves.stop()
    await this.#ahead.drop()
    await this.#reserves.endAll().catch(() => {})
    await Promise.all(
      [...this.#tickets].map(async (ticket) => {
        ticket.returned ??= this.#giveBack(ticket)
        await ticket.returned
        this.forget(ticket)
      }),
    )
  }

  /**
   * From under user code, which may be about to settle it, again or for the first time: what is on record then cannot
   * tell an ack from this. So it is asked here, and without a doubt: was it held until now?
   */
  async #giveBack({ page, token, index }: LeaseTicket): Promise<boolean> {
    const { pages } = this.#attachment
    try {
      const outcome = await pages.settle(page, { token, index, as: 'release', inDoubt: false })
      if (outcome !== 'settled') return false
    } catch (error) {
      return (error as WatchdogError).maybeApplied
    }
    await this.#attachment.ring().catch(() => {})
    return true
  }

  /**
   * Says that this worker has ended, well or not. Leases that are still open are given back first.
   *
   * @param result default `{ status: 'done' }`
   */
  async end(result: EndResult = { status: 'done' }): Promise<void> {
    checkOptions(result, ['status', 'code'], 'the result of a timer')
    if (result.status !== 'done' && result.status !== 'failed') {
      throw new TypeError(`Expected option 'status' to be 'done' or 'failed', got '${result.status}'`)
    }
    const code = optionalInteger(result.code, 'code', -(2 ** 31), 2 ** 32)
    if (this.#ended) return
    clearTimeout(this.#trailing)
    await this.releaseAll()
    const { run, forgetTimer } = this.#attachment
    const member = run.at('members', this.#wid)
    for (;;) {
      const node = await run.store.get(member)
      const known = node && decodeMember(node.data)
      if (known?.status !== 'running') break
      const data = encodeMember({ ...known, status: result.status, ...(code === undefined ? {} : { code }) })
      if ((await run.store.set(member, data, node!.version)).kind === 'set') break
    }
    this.#ended = true
    forgetTimer(this)
    this.#reserves.close()
    // After the verdict: a timer that is gone without one has died.
    await run.store.delete(this.#path, ANY_VERSION)
  }

  /** `end()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }
}
