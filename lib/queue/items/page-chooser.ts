// Where the next item comes from: fresh items of any open page first, then those that were given back, and
// suspects last. In the order in which they were added; where others are in the way, in an order of its own.

import type { Incarnation } from '../incarnation/incarnation'
import {
  claim,
  claimed,
  isComplete,
  type PageState,
  ready,
  readyIn,
  type Source,
  type Taken,
} from '../page-state/page-state'
import type { OpenPages } from './open-pages'
import type { Step } from './page-state-writer'
import type { PageStates } from './page-states'

/** How many states an idle worker reads at once when it looks for returned items. */
const READ_AT_ONCE = 64

export interface TakenFrom<R> {
  readonly page: string
  readonly result: R
}

/** One token for all tries, by which an ambiguous one is recalled. */
export interface ClaimRequest {
  readonly token: string
  readonly wid: string
  readonly max: number
  /** See `Claim`. */
  readonly log?: number
}

function shuffle<T>(list: T[]): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[list[i], list[j]] = [list[j]!, list[i]!]
  }
  return list
}

function claimStep(request: ClaimRequest, source: Source | 'any but suspects'): Step<Taken | undefined> {
  return {
    name: 'claim',
    apply: (state, unsure) => {
      const held = unsure ? claimed(state, request.token) : undefined
      if (held === undefined) {
        const rest = readyIn(state, 'fresh') > 0 ? 'fresh' : 'retry'
        return claim(state, { ...request, source: source === 'any but suspects' ? rest : source })
      }
      return { state, result: held === 'revoked' ? undefined : held }
    },
  }
}

export class PageChooser {
  readonly #incarnation: Incarnation
  readonly #states: PageStates
  readonly #open: OpenPages
  /** Open pages, oldest first; shuffled where another process takes from the same, so that each has its own. */
  #order: string[] = []
  #isContended = false

  constructor(incarnation: Incarnation, states: PageStates, open: OpenPages) {
    this.#incarnation = incarnation
    this.#states = states
    this.#open = open
  }

  async #refreshOrder(): Promise<'done' | 'open'> {
    const open = await this.#open.list()
    const names = new Set(open?.pages)
    const known = this.#order.filter((name) => names.delete(name))
    const fresh = [...names].sort()
    this.#order = [...known, ...(this.#isContended ? shuffle(fresh) : fresh)]
    return open === undefined ? 'done' : 'open'
  }

  /** Items that are likely to be ready, from what was last seen. */
  get estimate(): number {
    const states = this.#order.map((name) => this.#states.cached(name))
    const known = states.filter((state): state is PageState => state !== undefined)
    const typical = known[0]?.size ?? 1
    return known.reduce((total, state) => total + ready(state), 0) + (states.length - known.length) * typical
  }

  /** Takes by `make(source, page)` from any page: fresh items first, suspects last. */
  async take<R>(
    make: (source: Source, page: string) => Step<R | undefined>,
  ): Promise<TakenFrom<R> | 'empty' | 'done'> {
    const known = await this.#takeFresh(make)
    if (known !== undefined) return known
    if ((await this.#refreshOrder()) === 'done') return 'done'
    const taken = (await this.#takeFresh(make)) ?? (await this.#takeReturned(make))
    // The page that somebody left complete may have been the last one.
    if (taken === 'finished') return (await this.#refreshOrder()) === 'done' ? 'done' : 'empty'
    return taken ?? 'empty'
  }

  async #takeFresh<R>(
    make: (source: Source, page: string) => Step<R | undefined>,
  ): Promise<TakenFrom<R> | undefined> {
    for (const page of this.#order) {
      const state = this.#states.cached(page)
      // Fresh items only become fewer, so an old state that has none is as good as a new one.
      if (state !== undefined && readyIn(state, 'fresh') === 0) continue
      const writer = this.#states.writer(page)
      const { conflicts } = writer
      const result = await writer.submit(make('fresh', page))
      if (writer.conflicts > conflicts) this.#giveWay()
      if (result !== undefined) return { page, result }
    }
    return undefined
  }

  /** Another has written the same page just now. */
  #giveWay(): void {
    if (this.#isContended) return
    this.#isContended = true
    this.#order = shuffle([...this.#order])
  }

  async #takeReturned<R>(
    make: (source: Source, page: string) => Step<R | undefined>,
  ): Promise<TakenFrom<R> | 'finished' | undefined> {
    const order = shuffle([...this.#order])
    const found: { page: string; state: PageState }[] = []
    let hasFinished = false
    for (let i = 0; i < order.length; i += READ_AT_ONCE) {
      const some = order.slice(i, i + READ_AT_ONCE)
      const states = await Promise.all(
        some.map(async (page) => ({ page, state: await this.#states.takeUnhanded(page) })),
      )
      found.push(...states.filter(({ state }) => ready(state) > 0))
      for (const { page, state } of states) {
        if (!isComplete(state)) continue
        await this.#open.finish(page)
        hasFinished = true
      }
    }
    for (const source of ['retry', 'suspects'] as const) {
      for (const { page, state } of found) {
        if (readyIn(state, source) === 0) continue
        const result = await this.#states.writer(page).submit(make(source, page))
        if (result !== undefined) return { page, result }
      }
    }
    return hasFinished ? 'finished' : undefined
  }

  /** `onTry` hears of each page before it is tried. */
  claim(request: ClaimRequest, onTry: (page: string) => void): Promise<TakenFrom<Taken> | 'empty' | 'done'> {
    return this.take((source, page) => {
      onTry(page)
      return claimStep(request, source)
    })
  }

  /** Leases items of that page, if it has some: fresh ones first, and no suspects, which are leased singly. */
  claimFrom(page: string, request: ClaimRequest): Promise<Taken | undefined> {
    return this.#states.writer(page).submit(claimStep(request, 'any but suspects'))
  }

  /** What is held under a token whose claim was left in doubt. */
  async claimed(page: string, token: string): Promise<Taken | undefined> {
    await this.#incarnation.store.sync()
    const held = claimed((await this.#states.writer(page).read()).state, token)
    return held === 'revoked' ? undefined : held
  }
}
