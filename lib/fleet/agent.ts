// The agent of one machine: its place in the fleet, held over as many sessions as it takes, and what it writes there.
//
// Nobody looks: the summary, when somebody is born, dies, blocks or comes back, and the parts once a minute, if anything
// has moved. Somebody looks: also the parts that have moved, as often as the most demanding viewer wants them.
//
// Each entry is a life of its own, with parts of its own. The record of the member says which life's parts count, so
// what an earlier life, or one that was stopped and goes on, has written or will write is nobody's.

import { setTimeout as delay } from 'node:timers/promises'
import { debuglog } from 'node:util'
import { ANY_VERSION, type Store, type StoreEvent } from '../queue/store/store'
import { EMPTY } from '../util/bytes'
import { WatchdogError } from '../util/errors'
import { Notifier } from '../util/wait'
import { Coalesced } from './coalesced'
import { type BoardSource, FollowedBoard } from './followed-board'
import {
  lostPath,
  memberIdOf,
  memberPath,
  newLife,
  partPath,
  presencePath,
  VIEWERS,
  variantOf,
  viewerIntervalMs,
} from './names'
import { Pace } from './pace'
import { decodeMember, encodeMember, type LifeBefore, type MemberRecord } from './record'
import { makeFleet, readLives, removeLife } from './root'
import type { MemberBoard } from './types'

/** Last words are never older, if anything has moved. */
const LAST_WORDS_MS = 60_000
/** After something that went wrong. */
const RETRY_MS = 1000
/** Of an entry, before its caller has it go on by itself. */
const MOST_TRIES = 5
/** How long a good-bye may take. */
const GOODBYE_MS = 2000
/** A tick that comes a little early is as good. */
const SLACK_MS = 20

const debug = debuglog('rollcall:fleet')

export interface AgentOptions {
  readonly name: string
  readonly host: string
  readonly labels: Record<string, string>
  readonly page: string | undefined
  readonly boards: readonly (BoardSource | string)[]
  readonly statusBytes: number
  readonly blockedAfterMs: number
  readonly intervalMs: number
  readonly retainMs: number
}

export class Agent {
  readonly #store: Store
  readonly #options: AgentOptions
  readonly #boards: readonly FollowedBoard[]
  readonly #base: string
  readonly #pace: Pace
  readonly #notifier = new Notifier()
  readonly #stop = new AbortController()
  readonly #viewers: Coalesced
  readonly #cleanups: (() => void)[] = []
  #loop: Promise<void> = Promise.resolve()
  #mid: string
  #life = ''
  /** Whether others see this life. */
  #isIn = false
  /** All lives that it has had. */
  readonly #lives = new Set<string>()
  /** Of the record; undefined: there is none. */
  #version: number | undefined
  #joinedAt = 0
  /** What is kept of a life that was lost with its boards, and since when, by `performance.now()`. */
  #before: LifeBefore | undefined
  #cameBackAt = 0
  #unwatch: () => void = () => {}
  /** What the most demanding viewer wants; 0: nobody looks. */
  #followMs = 0
  #writtenFor = 0
  #written = ''
  #hasNews = false
  /** Whether a board was looked at that parts and record do not show yet. */
  #isUnwritten = true
  /** The longest that a write has taken since the pace was chosen. */
  #slowestMs = 0
  #partsAt = Number.NEGATIVE_INFINITY
  #thoroughAt = Number.NEGATIVE_INFINITY
  #beganAt = Number.NEGATIVE_INFINITY
  /** What keeps it from writing; undefined while nothing does. */
  trouble: Error | undefined
  /** Nodes that it has written, its own presence not among them. */
  writes = 0

  private constructor(store: Store, options: AgentOptions) {
    this.#store = store
    this.#options = options
    const { statusBytes, blockedAfterMs } = options
    const following = { statusBytes, blockedAfterMs, onNews: this.#onNews }
    this.#boards = options.boards.map((board) => new FollowedBoard(board, following))
    this.#base = memberIdOf(
      options.name,
      this.#boards.map(({ dir }) => dir),
    )
    this.#mid = this.#base
    this.#pace = new Pace(options.intervalMs)
    this.#viewers = new Coalesced(() => this.#countViewers())
  }

  /** Resolves when the machine is in the fleet, which is made if it is missing. */
  static async start(store: Store, options: AgentOptions): Promise<Agent> {
    const agent = new Agent(store, options)
    try {
      await makeFleet(store)
      agent.#cleanups.push(
        store.onEvent((event) => agent.#heard(event)),
        await store.watch(VIEWERS, 'children', agent.#viewers.begin),
      )
      await agent.#viewers.ask()
      // Of several that begin at once, one is first.
      for (let tries = 0; tries < MOST_TRIES && !agent.#isIn; tries++) await agent.#write()
    } catch (error) {
      await agent.#end()
      throw error
    }
    agent.#loop = agent.#run()
    return agent
  }

  get id(): string {
    return this.#mid
  }

  get boards(): MemberBoard[] {
    return this.#boards.map(({ state }) => state)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.#rest(signal)
        this.#slowestMs = 0
        await this.#write()
        this.#pace.took(this.#slowestMs)
        this.trouble = undefined
      } catch (error) {
        if (signal.aborted) return
        this.trouble = error as Error
        debug('%s: %s', this.#mid, (error as Error).message)
        await new Notifier().wait(RETRY_MS, signal).catch(() => {})
        this.#hasNews = true
      }
    }
  }

  /** Until there may be something to write, and since the last write there was the time that it wants. */
  async #rest(signal: AbortSignal): Promise<void> {
    for (;;) {
      // Whoever comes to look waits for the answer.
      if (this.#isMoreWanted && !this.#pace.isSlow) return
      const tickMs = this.#followMs > 0 ? this.#followMs : LAST_WORDS_MS
      const restMs = this.#hasNews ? this.#pace.intervalMs : Math.max(tickMs, this.#pace.intervalMs)
      const leftMs = restMs - (performance.now() - this.#beganAt)
      if (leftMs <= 0) return
      await this.#notifier.wait(leftMs, signal)
    }
  }

  readonly #onNews = (): void => {
    this.#hasNews = true
    this.#notifier.notify()
  }

  /** Whether somebody looks whom the record does not answer yet. */
  get #isMoreWanted(): boolean {
    return this.#followMs > 0 && (this.#writtenFor === 0 || this.#followMs < this.#writtenFor)
  }

  /** One that has nothing to write does not find out by writing. */
  #heard(event: StoreEvent): void {
    if (event === 'resumed') this.trouble = undefined
    else
      this.trouble = new WatchdogError('ERR_UNREACHABLE', `Cannot reach ${this.#store.url}`, {
        retryable: true,
      })
    if (event === 'lost') this.#lose()
  }

  /** Others do not see this life any more, or are about to. */
  #lose(): void {
    this.#isIn = false
    this.#life = ''
    this.#onNews()
  }

  /** The presence of a life is gone: with its session, or because another agent has taken the place. */
  #gone(life: string): void {
    if (life === this.#life && !this.#stop.signal.aborted) this.#lose()
  }

  async #countViewers(): Promise<void> {
    const wanted = ((await this.#store.list(VIEWERS)) ?? []).flatMap((name) => viewerIntervalMs(name) ?? [])
    const followMs = wanted.reduce((least, ms) => Math.min(least, ms), Number.POSITIVE_INFINITY)
    const before = this.#followMs
    this.#followMs = Number.isFinite(followMs) ? followMs : 0
    // Also that nobody looks any more: whoever comes next must not take for fresh what is not.
    if (this.#followMs !== before) this.#onNews()
  }

  async #write(): Promise<void> {
    this.#beganAt = performance.now()
    this.#hasNews = false
    const isEntry = !this.#isIn
    const found = isEntry ? await this.#begin() : undefined
    const life = this.#life
    const followMs = this.#followMs
    // Whoever comes to look is shown what is, and not what the watches have told so far.
    const isMoreWanted = this.#isMoreWanted
    const isOld = this.#beganAt - this.#thoroughAt + SLACK_MS >= LAST_WORDS_MS
    const isThorough = isEntry || isMoreWanted || isOld
    for (const board of this.#boards) if (board.look(isThorough)) this.#isUnwritten = true
    if (isThorough) this.#thoroughAt = this.#beganAt
    if (isEntry) await this.#keepWordsOf(found)
    if (!this.#isUnwritten && followMs === this.#writtenFor) return
    const isDue = this.#beganAt - this.#partsAt + SLACK_MS >= (followMs || LAST_WORDS_MS)
    const areWanted = isEntry || isMoreWanted || isDue
    if (areWanted) {
      await this.#writeParts(life)
      this.#partsAt = this.#beganAt
    }
    if (life !== this.#life) return
    await this.#writeRecord(this.#record('joined', followMs), life)
    if (life !== this.#life) return
    this.#writtenFor = followMs
    if (areWanted) this.#isUnwritten = false
    if (isEntry) await this.#settle(life, found)
  }

  async #writeParts(life: string): Promise<void> {
    for (const [number, board] of this.#boards.entries()) {
      for (const { part, revision, encode, done } of board.dueParts()) {
        if (life !== this.#life) return
        await this.#put(partPath(this.#mid, life, number, part), encode(), revision === 1)
        done()
      }
    }
  }

  async #put(path: string, data: Uint8Array, isNew: boolean): Promise<void> {
    this.writes++
    const set = () => this.#timed(() => this.#store.set(path, data, ANY_VERSION, { quiet: true }))
    if (!isNew && (await set()).kind === 'set') return
    const made = await this.#timed(() => this.#store.create(path, data))
    if (made === 'created') return
    if (made === 'exists') await set()
    else {
      await this.#store.create(path.slice(0, path.lastIndexOf('/')), EMPTY)
      await this.#store.create(path, data)
    }
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now()
    try {
      return await work()
    } finally {
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - began)
    }
  }

  #record(phase: MemberRecord['phase'], followMs: number): MemberRecord {
    const { name, host, labels, page, retainMs } = this.#options
    const boards = this.#boards.map((board) => board.record)
    const isKept = performance.now() - this.#cameBackAt <= retainMs
    return {
      ...{ name, host, labels, joinedAt: this.#joinedAt, phase, life: this.#life, followMs, retainMs },
      ...(page === undefined ? {} : { page }),
      boards: phase === 'joined' ? boards : boards.map((board) => ({ ...board, parts: [] })),
      ...(isKept && this.#before !== undefined ? { before: this.#before } : {}),
    }
  }

  async #writeRecord(record: MemberRecord, life: string): Promise<void> {
    const data = encodeMember(record)
    const text = data.toString()
    if (text === this.#written) return
    this.writes++
    const version = await this.#timed(() => this.#putRecord(memberPath(this.#mid), data))
    if (life !== this.#life) return
    if (version === undefined) {
      // Forgotten, by somebody who thought it was lost; or another agent writes here now.
      this.#lose()
    } else {
      this.#version = version
      this.#written = text
    }
  }

  /** The version that it has now; undefined: it is not as this agent knows it. */
  async #putRecord(path: string, data: Uint8Array): Promise<number | undefined> {
    if (this.#version === undefined) {
      if ((await this.#store.create(path, data)) !== 'created') return undefined
      return (await this.#store.info(path))?.version
    }
    const outcome = await this.#store.set(path, data, this.#version)
    return outcome.kind === 'set' ? outcome.info.version : undefined
  }

  /** Begins a new life: connected, and not described yet. Returns the record of the life before. */
  async #begin(): Promise<MemberRecord | undefined> {
    this.#unwatch()
    // Whoever comes takes the place of an agent of the same name, machine and boards: most likely that one is dead, and
    // the store does not know it yet. Whoever finds its place taken moves aside.
    if (this.#lives.size > 0 && (await this.#others()).length > 0) this.#mid = await this.#freeVariant()
    const life = newLife()
    const presence = presencePath(this.#mid, life)
    const show = () => this.#store.create(presence, EMPTY, { ephemeral: true })
    if ((await show()) === 'orphan') {
      // Somebody has removed the whole fleet.
      await makeFleet(this.#store)
      await show()
    }
    this.#life = life
    this.#lives.add(life)
    this.#unwatch = await this.#store.watch(presence, 'gone', () => this.#gone(life))
    this.#joinedAt = Date.now()
    this.#written = ''
    for (const board of this.#boards) board.forgetWritten()
    const node = await this.#store.get(memberPath(this.#mid))
    this.#version = node?.version
    return node && decodeMember(node.data)
  }

  /** Where another process was lost and its boards are not here any more, as after a reboot, nothing else tells of them. */
  async #keepWordsOf(found: MemberRecord | undefined): Promise<void> {
    if (found === undefined || this.#lives.has(found.life)) return
    const here = new Set(this.#boards.map(({ record }) => record.boardId))
    const gone = found.boards.filter(({ boardId, parts }) => parts.length > 0 && !here.has(boardId))
    this.#before = gone.length > 0 ? { life: found.life, boards: gone } : found.before
    this.#cameBackAt = performance.now()
    if (this.#before !== undefined) await this.#store.create(lostPath(this.#mid, this.#before.life), EMPTY)
  }

  /** The place is taken: who else is in it has to move, and what lives before have left goes, but for last words. */
  async #settle(life: string, found: MemberRecord | undefined): Promise<void> {
    const others = [...((await readLives(this.#store)).get(this.#mid) ?? [])].filter(
      (other) => other !== life,
    )
    for (const other of others) await this.#store.delete(presencePath(this.#mid, other), ANY_VERSION)
    if (life !== this.#life) return
    this.#isIn = true
    const kept = new Set([life, this.#before?.life])
    for (const old of new Set([...others, found?.life, found?.before?.life])) {
      if (old !== undefined && !kept.has(old)) await removeLife(this.#store, this.#mid, old)
    }
  }

  /** Lives of other agents that are connected as this member. */
  async #others(): Promise<string[]> {
    const lives = (await readLives(this.#store)).get(this.#mid) ?? []
    return [...lives].filter((life) => !this.#lives.has(life))
  }

  async #freeVariant(): Promise<string> {
    const taken = await readLives(this.#store)
    for (let nth = 2; ; nth++) {
      const mid = variantOf(this.#base, nth)
      if (!taken.has(mid)) return mid
    }
  }

  /** Says good-bye. The store is closed, whether it could be told or not. */
  async leave(): Promise<void> {
    await this.#end(() => this.#sayGoodbye())
  }

  async #sayGoodbye(): Promise<void> {
    const life = this.#life
    if (!this.#isIn) return
    for (const board of this.#boards) board.look(true)
    await this.#writeRecord(this.#record('left', 0), life)
    await this.#store.delete(presencePath(this.#mid, life), ANY_VERSION)
    await removeLife(this.#store, this.#mid, life)
  }

  /** As if its process had died. @internal */
  async abandon(): Promise<void> {
    await this.#end()
  }

  async #end(goodbye?: () => Promise<void>): Promise<void> {
    this.#stop.abort()
    for (const cleanup of this.#cleanups) cleanup()
    this.#unwatch()
    const done = Promise.all([this.#loop, this.#viewers.stop()]).then(goodbye)
    await Promise.race([done.catch(() => {}), delay(GOODBYE_MS, undefined, { ref: false })])
    await Promise.all([...this.#boards.map((board) => board.close()), this.#store.close()])
  }
}
