// Where the next item comes from: of the highest priority first, and of that in the order in which items were added:
// fresh items of the oldest page, then those that came back to it, and suspects last. Where others are in the way,
// in an order of its own, and from a page of its own while there is one. What is not due yet is nowhere.

import { Gate, missingError } from '../incarnation/gate'
import type { Incarnation } from '../incarnation/incarnation'
import { comparePages, pageTraits } from '../page-state/page-name'
import {
  claim,
  claimed,
  isComplete,
  nextDue,
  type PageState,
  ready,
  readyIn,
  type Source,
  type Taken,
  wake,
} from '../page-state/page-state'
import { Crowding, leastShared, shuffle } from './crowding'
import type { OpenPages } from './open-pages'
import type { Step } from './page-state-writer'
import type { PageStates } from './page-states'

/** How many states an idle worker reads at once when it looks for returned items. */
const READ_AT_ONCE = 64
/** How long something may be ready elsewhere before a worker that has enough to do at hand looks for it. */
export const LOOK_MS = 200
/** How many pages that it does not know a worker tries one after the other, before it looks at all of them at once. */
const MAX_PROBES = 8
/** So many pages without fresh items are passed on each search, before the complete ones are left out. */
const MAX_EMPTY = 32

export interface TakenFrom<R> {
  readonly page: string
  readonly result: R
}

/** Where to take from, and what is due by now. */
export interface Supply {
  readonly source: Source
  readonly page: string
  /** By the clock of the store; undefined where nothing waits for its time. */
  readonly now: number | undefined
  /** Whether to go elsewhere where another process is faster here. */
  readonly givesWay?: boolean
  /** Whether to go elsewhere where anybody has taken from this page before. */
  readonly isUntouched?: boolean
}

/** One token for all tries, by which an ambiguous one is recalled. */
export interface ClaimRequest {
  readonly token: string
  readonly wid: string
  readonly max: number
  /** See `Claim`. */
  readonly log?: number
}

/** What is due waits like what came back. */
export function awake(state: PageState, { source, now }: Pick<Supply, 'source' | 'now'>): PageState {
  return now === undefined || source !== 'retry' ? state : wake(state, now)
}

function claimStep(request: ClaimRequest, supply: Omit<Supply, 'page'>): Step<Taken | undefined> {
  const { givesWay, isUntouched } = supply
  return {
    name: 'claim',
    givesWay,
    apply: (state, unsure) => {
      const held = unsure ? claimed(state, request.token) : undefined
      if (held !== undefined) return { state, result: held === 'revoked' ? undefined : held }
      if (isUntouched && state.cursor > 0) return { state, result: undefined }
      return claim(awake(state, supply), { ...request, source: supply.source })
    },
  }
}

type Make<R> = (supply: Supply) => Step<R | undefined>

/** One search for something to take. */
interface Search<R> {
  readonly make: Make<R>
  /** How many unknown pages it may still try. */
  probes: number
}

export class PageChooser {
  readonly #incarnation: Incarnation
  readonly #states: PageStates
  readonly #open: OpenPages
  readonly #gate: Gate
  /** Open pages by priority, oldest first; shuffled where another process takes from the same, so that each has its own. */
  #levels: string[][] = []
  /** The same in one list. */
  #order: readonly string[] = []
  #names: ReadonlySet<string> = new Set()
  readonly #crowding = new Crowding()
  /** Whether pages may come that are to be taken from before those that are known. */
  #mayOvertake = false
  #refreshedAt = Number.NEGATIVE_INFINITY
  /** By the clock of the store. */
  #dueAt: number | undefined

  constructor(incarnation: Incarnation, states: PageStates, open: OpenPages) {
    this.#incarnation = incarnation
    this.#states = states
    this.#open = open
    this.#gate = new Gate(incarnation)
  }

  async #refreshOrder(): Promise<'done' | 'open'> {
    const open = await this.#open.list()
    this.#refreshedAt = performance.now()
    const names = new Set(open?.pages)
    if (this.#incarnation.forgetsDone) this.#states.keepOnly(names)
    const known = this.#order.filter((name) => names.delete(name))
    const fresh = [...names].sort(comparePages)
    const levels = new Map<number, string[]>()
    for (const name of [...known, ...(this.#crowding.isContended ? shuffle(fresh) : fresh)]) {
      const { priority } = pageTraits(name)
      const level = levels.get(priority)
      if (level === undefined) levels.set(priority, [name])
      else level.push(name)
    }
    this.#levels = [...levels].sort(([a], [b]) => b - a).map(([, pages]) => pages)
    this.#order = this.#levels.flat()
    this.#names = new Set(this.#order)
    this.#crowding.keepOnly(this.#names)
    this.#mayOvertake = open?.held === true || this.#levels.length > 1
    return open === undefined ? 'done' : 'open'
  }

  /** Whether others may have added or given back meanwhile what comes first. */
  get #isStale(): boolean {
    return this.#mayOvertake && performance.now() - this.#refreshedAt > LOOK_MS
  }

  /** Items that are likely to be ready, from what was last seen. */
  get estimate(): number {
    const states = this.#order.map((name) => this.#states.cached(name))
    const known = states.filter((state): state is PageState => state !== undefined)
    const typical = known[0]?.size ?? 1
    return known.reduce((total, state) => total + ready(state), 0) + (states.length - known.length) * typical
  }

  /** How long until the first of the items that were seen to wait for their time is due, in milliseconds. */
  async msToDue(): Promise<number> {
    if (this.#dueAt === undefined) return Number.POSITIVE_INFINITY
    return Math.max(0, this.#dueAt - (await this.#incarnation.clock.atLeast()))
  }

  /** Takes by `make(supply)` from any page. */
  async take<R>(make: Make<R>): Promise<TakenFrom<R> | 'empty' | 'done'> {
    if (!this.#gate.isOpen) {
      const status = await this.#gate.look()
      if (status.state === 'missing') throw missingError(this.#incarnation, status)
      if (status.state !== 'open') return 'empty'
    }
    if (this.#isStale) {
      if ((await this.#refreshOrder()) === 'done') return 'done'
      await this.#lookBack()
    }
    const search = { make, probes: MAX_PROBES }
    const known = await this.#takeKnown(search)
    if (known !== undefined) return known
    if ((await this.#refreshOrder()) === 'done') return 'done'
    this.#dueAt = undefined
    let hasFinished = false
    for (const level of this.#levels) {
      const taken = (await this.#takeFresh(level, search)) ?? (await this.#takeAny(level, search))
      if (taken === 'finished') hasFinished = true
      else if (taken !== undefined) return taken
    }
    // The page that somebody left complete may have been the last one.
    return hasFinished && (await this.#refreshOrder()) === 'done' ? 'done' : 'empty'
  }

  /** Reads again what has no fresh items of its own, and comes before something that has. */
  async #lookBack(): Promise<void> {
    const order = this.#order
    const hasFresh = (page: string) => {
      const state = this.#states.cached(page)
      return state === undefined || readyIn(state, 'fresh') > 0
    }
    const last = order.findLastIndex(hasFresh)
    const before = order.slice(0, Math.max(0, last)).filter((page) => !hasFresh(page))
    await this.#read(before, (page) => this.#states.writer(page).read())
  }

  async #read(pages: readonly string[], read: (page: string) => Promise<unknown>): Promise<void> {
    for (let i = 0; i < pages.length; i += READ_AT_ONCE)
      await Promise.all(pages.slice(i, i + READ_AT_ONCE).map(read))
  }

  /** From what this process has seen of each page: of the highest priority all, then the next. */
  async #takeKnown<R>(search: Search<R>): Promise<TakenFrom<R> | undefined> {
    const levels = this.#levels
    for (const level of levels) {
      const taken = await this.#takeFresh(level, search)
      if (taken !== undefined) return taken
      // The last level is looked through again before anything of it is taken, and one that is not known well enough.
      if (level === levels.at(-1) || search.probes === 0) return undefined
      for (const source of ['retry', 'suspects'] as const) {
        for (const page of level) {
          const returned = await this.#takeSeen(page, source, search)
          if (returned !== undefined) return returned
        }
      }
    }
    return undefined
  }

  /** Where others are in the way: from the page of its own, from one that nobody has, or else with others. */
  async #takeFresh<R>(level: readonly string[], search: Search<R>): Promise<TakenFrom<R> | undefined> {
    const { make } = search
    const crowding = this.#crowding
    const shared: string[] = []
    let isRefreshed = false
    let empty = 0
    for (const page of this.#crowding.ownFirst(level)) {
      const state = this.#states.cached(page)
      // Fresh items only become fewer, so an old state that has none is as good as a new one.
      if (state !== undefined && readyIn(state, 'fresh') === 0) {
        if (++empty === MAX_EMPTY) this.#leaveOut()
        if (readyIn(state, 'retry') === 0 && !this.#mayBeDue(state)) continue
        // What came back to an older page is older than what is fresh in the next.
        const returned = await this.#takeSeen(page, 'retry', search)
        if (returned !== undefined) return returned
        continue
      }
      if (!this.#names.has(page)) continue
      if (crowding.isCrowded(page)) {
        shared.push(page)
        continue
      }
      if (state === undefined) {
        if (search.probes === 0) break
        search.probes--
      }
      const givesWay = page !== crowding.own
      const wasContended = crowding.isContended
      const isUntouched = crowding.asksForUntouched(page)
      const taken = await this.#submit(make, { source: 'fresh', page, now: undefined, givesWay, isUntouched })
      if (taken !== undefined) return taken
      // In another order from here on.
      if (crowding.isContended && !wasContended) return this.#takeFresh(shuffle([...level]), search)
      if (crowding.isCrowded(page)) shared.push(page)
      else if (crowding.isContended && !isRefreshed) {
        // Others are done with this one, and with more by now: their pages need no look.
        isRefreshed = true
        await this.#refreshOrder()
      }
    }
    for (const page of leastShared(shared, (name) => this.#states.cached(name))) {
      const taken = await this.#submit(make, { source: 'fresh', page, now: undefined })
      if (taken !== undefined) return taken
    }
    return undefined
  }

  /** Complete pages are not passed again on each search; those that are listed still come back with the next list. */
  #leaveOut(): void {
    const isLeft = (page: string) => {
      const state = this.#states.cached(page)
      return state === undefined || !isComplete(state)
    }
    this.#levels = this.#levels.map((level) => level.filter(isLeft)).filter(({ length }) => length > 0)
    this.#order = this.#levels.flat()
  }

  /** Unless it is known that it is not, without a question to the store. */
  #mayBeDue(state: PageState): boolean {
    const due = nextDue(state)
    if (due === undefined) return false
    const now = this.#incarnation.clock.known
    return now === undefined || due <= now
  }

  /** Takes what has come back to that page, or is due, as far as this process has seen. */
  async #takeSeen<R>(page: string, source: Source, { make }: Search<R>): Promise<TakenFrom<R> | undefined> {
    const state = this.#states.cached(page)
    if (state === undefined) return undefined
    const due = source === 'retry' ? nextDue(state) : undefined
    const now = due === undefined ? undefined : await this.#incarnation.clock.atLeast()
    const isDue = due !== undefined && due <= now!
    if (readyIn(state, source) === 0 && !isDue) return undefined
    return this.#submit(make, { source, page, now })
  }

  async #submit<R>(make: Make<R>, supply: Supply): Promise<TakenFrom<R> | undefined> {
    const { page } = supply
    const writer = this.#states.writer(page)
    const { conflicts } = writer
    const result = await writer.submit(make(supply))
    if (writer.conflicts > conflicts) this.#giveWay()
    if (result !== undefined) {
      this.#crowding.own = page
      return { page, result }
    }
    // Given way, by what the writer was told or saw.
    const state = writer.cached
    if (supply.givesWay && (state === undefined || readyIn(state, 'fresh') > 0)) this.#crowding.meet(page)
    return undefined
  }

  /** Another has written the same page just now. */
  #giveWay(): void {
    if (this.#crowding.isContended) return
    this.#crowding.isContended = true
    this.#levels = this.#levels.map((level) => shuffle([...level]))
    this.#order = this.#levels.flat()
  }

  /** Looks at all pages at once. */
  async #takeAny<R>(
    level: readonly string[],
    search: Search<R>,
  ): Promise<TakenFrom<R> | 'finished' | undefined> {
    const found: string[] = []
    const complete: string[] = []
    await this.#read(level, async (page) => {
      const state = await this.#states.takeUnhanded(page)
      if (ready(state) > 0 || nextDue(state) !== undefined) found.push(page)
      if (isComplete(state)) complete.push(page)
    })
    const hasFinished = complete.length > 0
    if (hasFinished) await this.#finish(complete)
    const order = this.#crowding.isContended ? shuffle([...level]) : level
    found.sort((a, b) => order.indexOf(a) - order.indexOf(b))
    for (const page of found) {
      const taken =
        (await this.#takeSeen(page, 'fresh', search)) ?? (await this.#takeSeen(page, 'retry', search))
      if (taken !== undefined) return taken
    }
    for (const page of found) {
      const taken = await this.#takeSeen(page, 'suspects', search)
      if (taken !== undefined) return taken
    }
    for (const page of found) this.#await(this.#states.cached(page))
    return hasFinished ? 'finished' : undefined
  }

  /** Ends complete pages that nobody else has ended meanwhile: most are about to be, by whoever completed them. */
  async #finish(complete: readonly string[]): Promise<void> {
    if (this.#crowding.isContended) await this.#refreshOrder()
    await Promise.all(complete.filter((page) => this.#names.has(page)).map((page) => this.#open.finish(page)))
  }

  /** An idle worker wakes by itself when that is due. */
  #await(state: PageState | undefined): void {
    const due = state && nextDue(state)
    if (due !== undefined) this.#dueAt = Math.min(due, this.#dueAt ?? Number.POSITIVE_INFINITY)
  }

  /** `onTry` hears of each page before it is tried. */
  claim(request: ClaimRequest, onTry: (page: string) => void): Promise<TakenFrom<Taken> | 'empty' | 'done'> {
    return this.take((supply) => {
      onTry(supply.page)
      return claimStep(request, supply)
    })
  }

  /**
   * Leases items of that page, if it has some: fresh ones first, and no suspects, which are leased singly. None where
   * it is time to look whether others come before these.
   */
  async claimFrom(page: string, request: ClaimRequest): Promise<Taken | undefined> {
    if (this.#isStale) return undefined
    return this.#states.writer(page).submit<Taken | undefined>({
      name: 'claim',
      apply: (state, unsure) => {
        const source = readyIn(state, 'fresh') > 0 ? 'fresh' : 'retry'
        return claimStep(request, { source, now: undefined }).apply(state, unsure)
      },
    })
  }

  /** What is held under a token whose claim was left in doubt. */
  async claimed(page: string, token: string): Promise<Taken | undefined> {
    await this.#incarnation.store.sync()
    const held = claimed((await this.#states.writer(page).read()).state, token)
    return held === 'revoked' ? undefined : held
  }
}
