// The members of a queue: the workers on it, and what became of the others. A timer that is there and was kicked in
// time is alive; one that is there and was not is expired; one that is gone has left its verdict
// in its member node, or died.
//
// Ages come from two clocks, neither of them a guess. At first sight: the store's clock now minus
// the store's clock at the last kick. Later: this process's monotonic clock since the version was
// last seen to change. Time in which this process could not look does not count.

import type { JsonValue } from '../../scoreboard/types'
import { isName, parseJson } from '../../util/bounds'
import type { Incarnation } from '../incarnation/incarnation'
import type { TimerInfo } from '../types'
import { decodeMember, type Member, type MemberStatus } from './member'

interface Age {
  version: number
  /** By the best of both clocks: for reports. */
  ageMs: number
  /** By the monotonic clock alone, from the first sight on: for taking leases away. */
  seenMs: number
  at: number
}

export interface Entry extends TimerInfo {
  readonly wid: string
  readonly born: number
  /** The timer's version, while it is there. */
  readonly version: number | undefined
  readonly seenMs: number
  readonly deathDelayMs: number
  readonly expiring: number | undefined
}

interface KnownMember {
  readonly member: Member
  readonly born: number
}

/** What is known before each worker is looked at. */
interface Look {
  /** By the clock of the store. */
  readonly now: number
  /** How much of the time since the last look counts. */
  readonly gap: number
  /** Those that are there. */
  readonly timers: ReadonlySet<string>
}

/** How much longer than promised a store may take to notice a death. */
const DEATH_MARGIN = 2

const ENDED: ReadonlySet<MemberStatus> = new Set(['done', 'failed', 'expired', 'cleared'])

export class Members {
  readonly #incarnation: Incarnation
  /** What those said last whom this handle has seen at work: their timers go with them. */
  readonly #lastProgress = new Map<string, JsonValue>()
  readonly #ages = new Map<string, Age>()
  /** Members whose verdict stands. */
  readonly #ended = new Map<string, KnownMember>()
  #suspendedAt: number | undefined
  #blindMs = 0
  #lookedAt = performance.now()

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation
  }

  suspend(): void {
    this.#suspendedAt ??= performance.now()
  }

  resume(): void {
    if (this.#suspendedAt !== undefined) this.#blindMs += performance.now() - this.#suspendedAt
    this.#suspendedAt = undefined
  }

  /** Everyone who has ever made a timer, oldest first. `maxGapMs`: longer pauses between two looks count as that. */
  async observe(maxGapMs = Number.POSITIVE_INFINITY): Promise<Entry[]> {
    const { store } = this.#incarnation
    const names = await store.list(this.#incarnation.at('members'))
    if (names === undefined) throw this.#incarnation.closed()
    const members = new Map<string, KnownMember>()
    await Promise.all(names.filter(isName).map((wid) => this.#readMember(wid, members)))
    await store.sync()
    const now = await store.now(this.#incarnation.at('clock'))
    // In this order: a timer is made before its member and never comes back, so one that is absent now is gone.
    const timers = await store.list(this.#incarnation.at('timers'))
    if (now === undefined || timers === undefined) throw this.#incarnation.closed()
    const gap = this.#gap(maxGapMs)
    const look = { now, gap, timers: new Set(timers) }
    const entries = await Promise.all([...members].map(([wid, known]) => this.#entry(wid, known, look)))
    this.#forgetAllBut(members)
    const present = entries.filter((entry): entry is Entry => entry !== undefined)
    return present.sort((a, b) => a.born - b.born)
  }

  /** How much of the time since the last look counts. */
  #gap(maxGapMs: number): number {
    const now = performance.now()
    const passed = now - this.#lookedAt - this.#blindMs
    this.#lookedAt = now
    this.#blindMs = 0
    return Math.min(Math.max(0, passed), maxGapMs)
  }

  /** Members of queues that live for months go. */
  #forgetAllBut(members: ReadonlyMap<string, unknown>): void {
    for (const known of [this.#ended, this.#ages, this.#lastProgress])
      for (const wid of known.keys()) if (!members.has(wid)) known.delete(wid)
  }

  async #readMember(wid: string, members: Map<string, KnownMember>): Promise<void> {
    const known = this.#ended.get(wid)
    const now = known ?? (await this.#member(wid))
    if (now !== undefined) members.set(wid, now)
  }

  async #member(wid: string): Promise<KnownMember | undefined> {
    const node = await this.#incarnation.store.recall(this.#incarnation.at('members', wid))
    const member = node && decodeMember(node.data)
    if (member === undefined) return undefined
    const known = { member, born: node!.born }
    if (ENDED.has(known.member.status)) this.#ended.set(wid, known)
    return known
  }

  async #entry(
    wid: string,
    known: KnownMember,
    { now: storeNow, gap, timers }: Look,
  ): Promise<Entry | undefined> {
    if (known.member.status === 'running' && timers.has(wid)) {
      const timer = await this.#incarnation.store.recall(this.#incarnation.at('timers', wid))
      if (timer !== undefined) {
        const age = this.#age(wid, timer.version, Math.max(0, storeNow - timer.changedAt), gap)
        const state = age.ageMs > this.#incarnation.settings.timerMs ? 'expired' : 'alive'
        const progress = readProgress(timer.data)
        if (progress !== undefined) this.#lastProgress.set(wid, progress)
        const { version } = timer
        const entry = {
          ...describe(wid, known),
          state,
          ageMs: age.ageMs,
          version,
          seenMs: age.seenMs,
        } as const
        return progress === undefined ? entry : { ...entry, progress }
      }
    }
    this.#ages.delete(wid)
    // The timer is gone; only now does "running" mean that it died. It may have ended just before.
    const now = known.member.status === 'running' ? ((await this.#member(wid)) ?? known) : known
    const state = verdict(now.member)
    if (state === 'cleared') return undefined
    const progress = this.#lastProgress.get(wid)
    const entry = { ...describe(wid, now), state, ageMs: undefined, version: undefined, seenMs: 0 } as const
    return progress === undefined || state === 'finished' ? entry : { ...entry, progress }
  }

  #age(wid: string, version: number, storeAgeMs: number, gap: number): Age {
    const before = this.#ages.get(wid)
    const at = this.#lookedAt
    let age: Age
    if (before === undefined) age = { version, ageMs: storeAgeMs, seenMs: 0, at }
    else if (before.version === version)
      age = { version, ageMs: before.ageMs + gap, seenMs: before.seenMs + gap, at }
    // Kicked since the last look, so no older than that, whatever the store's clock says.
    else age = { version, ageMs: Math.min(storeAgeMs, at - before.at), seenMs: 0, at }
    this.#ages.set(wid, age)
    return age
  }
}

/** What became of a worker whose timer is gone. */
function verdict({ status, expiring }: Member): 'died' | 'finished' | 'failed' | 'expired' | 'cleared' {
  if (status === 'done') return 'finished'
  if (status !== 'running') return status
  return expiring === undefined ? 'died' : 'expired'
}

function describe(wid: string, { member, born }: KnownMember) {
  const { id, startedAt, host, pid, code, expiring, deathDelayMs = 0 } = member
  return {
    wid,
    born,
    deathDelayMs,
    expiring,
    id,
    startedAt,
    host,
    pid,
    ...(code === undefined ? {} : { code }),
  }
}

function readProgress(data: Buffer): JsonValue | undefined {
  if (data.length === 0) return undefined
  try {
    return parseJson(data) as JsonValue
  } catch {
    return undefined
  }
}

/** Whether a silent worker may yet turn out to have died: its timer would still be there. */
export function mayHaveDied({ state, ageMs, deathDelayMs }: Entry): boolean {
  return state === 'expired' && ageMs !== undefined && ageMs < DEATH_MARGIN * deathDelayMs
}

function neverStarted(id: string): TimerInfo {
  return { id, state: 'never-started', ageMs: undefined }
}

/** The public entries, with those of the expected workers that nobody has seen. */
export function report(entries: readonly Entry[], expect: number | string[] | undefined): TimerInfo[] {
  const infos = entries.map(
    ({ wid: _w, born: _b, version: _v, seenMs: _s, deathDelayMs: _d, expiring: _e, ...info }): TimerInfo =>
      info,
  )
  const ids = new Set(infos.map(({ id }) => id))
  if (Array.isArray(expect)) infos.push(...expect.filter((id) => !ids.has(id)).map(neverStarted))
  if (typeof expect === 'number') {
    for (let missing = 1; missing <= expect - ids.size; missing++)
      infos.push(neverStarted(`(unknown ${missing})`))
  }
  return infos
}
