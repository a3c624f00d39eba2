// The reaper looks after a queue while somebody of this process waits on it: takes back what dead workers
// held, expires the silent ones where that was asked for, and finishes what a killed finisher
// left. One of all waiting handles does it, the leader (its node is called `boss`); that saves work and nothing
// else, since every change is a compare-and-set. A leader that stops refreshing its node is replaced. Where a
// look costs next to nothing there is no leader, and every waiting handle does it.

import { EMPTY } from '../../util/bytes'
import { WatchdogError } from '../../util/errors'
import { Notifier } from '../../util/wait'
import { Gate, Predecessors } from '../incarnation/gate'
import type { Incarnation } from '../incarnation/incarnation'
import type { PageSet } from '../items/page-set'
import { isComplete } from '../page-state/page-state'
import { ANY_VERSION, type RemoteReaper } from '../store/store'
import { changeRunningMember } from './member'
import { type Entry, Members } from './members'
import { Retirement } from './retire'

const MIN_PERIOD_MS = 20
const MAX_PERIOD_MS = 15_000
/** Pages are looked through at most this often while nobody dies. */
const SCAN_MS = 1000
/** Periods without a refresh after which a leader is taken for stuck. */
const STUCK_PERIODS = 3
const MAX_JITTER_MS = 100
const REAP_AT_ONCE = 16

export function periodOf({ settings }: Incarnation): number {
  return Math.min(MAX_PERIOD_MS, Math.max(MIN_PERIOD_MS, settings.timerMs / 8))
}

export class Reaper implements RemoteReaper {
  readonly #incarnation: Incarnation
  readonly #pages: PageSet
  readonly #members: Members
  readonly #gate: Gate
  readonly #retirement: Retirement
  readonly #notifier = new Notifier()
  #holders = 0
  /** Of those. */
  #idleHolders = 0
  #working: Promise<void> | undefined
  #rival: { version: number; periods: number } | undefined
  #known = new Set<string>()
  #scannedAt = Number.NEGATIVE_INFINITY

  constructor(incarnation: Incarnation, pages: PageSet) {
    this.#incarnation = incarnation
    this.#pages = pages
    this.#members = new Members(incarnation)
    this.#gate = new Gate(incarnation)
    this.#retirement = new Retirement(incarnation)
  }

  hold({ isIdle = false } = {}): () => void {
    this.#holders++
    if (isIdle) this.#idleHolders++
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
    let held = true
    return () => {
      if (!held) return
      held = false
      if (isIdle) this.#idleHolders--
      if (--this.#holders === 0) this.#notifier.notify()
    }
  }

  async idle(): Promise<void> {
    await this.#working
  }

  async #work(): Promise<void> {
    const { store } = this.#incarnation
    let isLeader = false
    const predecessors = new Predecessors(this.#incarnation)
    const stops: (() => void)[] = [
      store.onEvent((event) => {
        if (event === 'suspended') this.#members.suspend()
        else if (event === 'resumed') this.#members.resume()
        else isLeader = false
      }),
    ]
    const watch = async (name: string, kind: 'children' | 'gone') => {
      stops.push(await store.watch(this.#incarnation.at(name), kind, this.#notifier.notify))
    }
    try {
      let watchingTimers = false
      while (this.#holders > 0) {
        try {
          if (store.needsLeader) isLeader = isLeader ? await this.#refresh() : await this.#candidate()
          else isLeader = true
          if (isLeader && !watchingTimers) {
            watchingTimers = true
            await watch('timers', 'children')
          }
          if (isLeader) await this.#duty()
          // What is wrong over there is told to those who wait: they ask for themselves, too.
          if (isLeader && !this.#gate.isOpen)
            await this.#gate.attend(predecessors, this.#notifier.notify).catch(() => {})
        } catch (error) {
          if (!this.#isPassing(error)) return
        }
        const isIdle = this.#idleHolders === this.#holders
        if (this.#holders > 0)
          await this.#notifier.wait(
            periodOf(this.#incarnation) * (0.9 + 0.2 * Math.random()),
            undefined,
            isIdle,
          )
      }
      if (isLeader && store.needsLeader)
        await store.delete(this.#incarnation.at('boss'), ANY_VERSION).catch(() => {})
    } finally {
      for (const stop of stops) stop()
      await predecessors.close()
    }
  }

  /** A connection comes back, a holder of the database lets go, a disk gets room; what is closed or broken stays so. */
  #isPassing(error: unknown): boolean {
    if (!(error instanceof WatchdogError)) return false
    return error.retryable || error.code === 'ERR_NO_SPACE' || error.code === 'ERR_SYSTEM'
  }

  async #candidate(): Promise<boolean> {
    const { store } = this.#incarnation
    const path = this.#incarnation.at('boss')
    const leader = await store.info(path)
    if (leader === undefined) {
      this.#rival = undefined
      await new Promise((resolve) =>
        setTimeout(resolve, Math.random() * Math.min(MAX_JITTER_MS, periodOf(this.#incarnation))),
      )
      const made = await store.create(path, EMPTY, { ephemeral: true })
      if (made === 'orphan') throw this.#incarnation.closed()
      return made === 'created'
    }
    const same = this.#rival?.version === leader.version
    this.#rival = { version: leader.version, periods: same ? this.#rival!.periods + 1 : 0 }
    if (this.#rival.periods > STUCK_PERIODS) {
      await store.delete(path, leader.version)
      this.#notifier.notify()
    }
    return false
  }

  async #refresh(): Promise<boolean> {
    const outcome = await this.#incarnation.store.set(this.#incarnation.at('boss'), EMPTY, ANY_VERSION)
    if (outcome.kind === 'set') return true
    await this.#incarnation.assertThere()
    return false
  }

  async #duty(): Promise<void> {
    const { settings } = this.#incarnation
    if (settings.onExpire === 'requeue') {
      const entries = await this.#members.observe(2 * periodOf(this.#incarnation))
      const silent = entries.filter(({ seenMs }) => seenMs > settings.timerMs)
      // What a reaper that was killed in the middle has left.
      const spared = entries.filter(
        ({ expiring, version }) => expiring !== undefined && version !== undefined && version !== expiring,
      )
      await Promise.all([
        ...silent.map((entry) => this.#expire(entry)),
        ...spared.map(({ wid }) => this.#spare(wid)),
      ])
    }
    const timers = new Set((await this.#incarnation.store.list(this.#incarnation.at('timers'))) ?? [])
    const vanished = [...this.#known].some((wid) => !timers.has(wid))
    this.#known = timers
    await this.#retirement.look()
    const first = this.#scannedAt === Number.NEGATIVE_INFINITY
    if (!vanished && !first && performance.now() - this.#scannedAt < SCAN_MS) return
    this.#scannedAt = performance.now()
    const { logs } = this.#incarnation.store
    const abandoned = vanished || first ? (logs?.abandoned(this.#incarnation.at('timers')) ?? []) : []
    const returned = await this.#scan()
    // Dead before the pages were looked through, so they hold nothing any more.
    for (const wid of abandoned) logs!.remove(wid)
    // Also without anything taken back: a worker that died may have given something back and not said so.
    if (returned > 0 || vanished || first) await this.#incarnation.notify()
  }

  /**
   * Takes the timer of a silent worker, unless it kicked meanwhile. The member says so first, so that at
   * no moment, wherever this ends, the worker looks as if it had died.
   */
  async #expire({ wid, version }: Entry): Promise<void> {
    const { store } = this.#incarnation
    const marked = await changeRunningMember(this.#incarnation, wid, (member) => ({
      ...member,
      expiring: version!,
    }))
    if (!marked) return
    const outcome = await store.delete(this.#incarnation.at('timers', wid), version!)
    if (outcome === 'conflict') await this.#spare(wid)
    else
      await changeRunningMember(this.#incarnation, wid, ({ expiring: _, ...member }) => ({
        ...member,
        status: 'expired',
      }))
  }

  /** It kicked after all. */
  async #spare(wid: string): Promise<void> {
    await changeRunningMember(this.#incarnation, wid, ({ expiring: _, ...member }) => member)
  }

  /** Looks through the unfinished pages. Returns how many items came back. */
  async #scan(): Promise<number> {
    const open = await this.#pages.open.list()
    if (open === undefined) return 0
    if (open.pages.length === 0) {
      if (!open.held) await this.#pages.open.tryDone()
      return 0
    }
    let returned = 0
    for (let i = 0; i < open.pages.length; i += REAP_AT_ONCE) {
      const some = open.pages.slice(i, i + REAP_AT_ONCE)
      const states = await Promise.all(some.map((page) => this.#pages.states.writer(page).read()))
      // A timer is made before its first claim and never comes back, so one that is absent now,
      // after the states were read, is gone for good.
      await this.#incarnation.store.sync()
      const names = await this.#incarnation.store.list(this.#incarnation.at('timers'))
      if (names === undefined) throw this.#incarnation.closed()
      const timers = new Set(names)
      const counts = await Promise.all(
        some.map(async (page, n) => {
          const { claims } = states[n]!.state
          const gone = new Set(claims.map(({ wid }) => wid).filter((wid) => !timers.has(wid)))
          if (gone.size === 0 && !isComplete(states[n]!.state)) return 0
          const reaped =
            gone.size === 0 ? 0 : (await this.#pages.settlements.reap(page, (wid) => gone.has(wid))).returned
          await this.#pages.open.finish(page)
          return reaped
        }),
      )
      returned += counts.reduce((total, count) => total + count, 0)
    }
    return returned
  }
}
