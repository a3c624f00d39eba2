// The pages of one run, as one handle sees them: which are open, which to take from next, the
// items in them, and the end of a page.

import { isPageName, named } from '../../util/bounds'
import { WatchdogError } from '../../util/errors'
import { EMPTY, HOLD, type Incarnation } from '../incarnation/incarnation'
import { itemAt, pageIndex } from '../page-state/item-page'
import {
  claim,
  claimed,
  consume,
  consumedItem,
  endLog,
  fold,
  isComplete,
  type Logged,
  MAX_CONSUMERS,
  MAX_REVOKED,
  type PageState,
  type Reaped,
  ready,
  readyIn,
  reap,
  redrive,
  type Setback,
  type Source,
  settle,
  type Taken,
  takeUnhanded,
} from '../page-state/page-state'
import { ANY_VERSION } from '../store/store'
import { AckBatcher, type AckRequest, type Exception, exceptionOf } from './ack-batcher'
import { PageStateWriter, type Step } from './page-state-writer'

const CACHED_PAGES = 8
/** How many states an idle worker reads at once when it looks for returned items. */
const READ_AT_ONCE = 64

export interface TakenFrom<R> {
  readonly page: string
  readonly result: R
}

function shuffle<T>(list: T[]): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[list[i], list[j]] = [list[j]!, list[i]!]
  }
  return list
}

/** One token for all tries, by which an ambiguous one is recalled. */
interface ClaimRequest {
  readonly token: string
  readonly wid: string
  readonly max: number
  /** See `Claim`. */
  readonly log?: number
}

function claimStep(request: ClaimRequest, source: Source | 'any but suspects'): Step<Taken | undefined> {
  return {
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

interface LoadedPage {
  readonly bytes: Buffer
  readonly offsets: Uint32Array
}

export class PageSet {
  readonly #run: Incarnation
  readonly #writers = new Map<string, PageStateWriter>()
  readonly #finishing = new Map<string, Promise<void>>()
  readonly #loaded = new Map<string, Promise<LoadedPage>>()
  readonly #acks: AckBatcher
  /** Open pages in an order of our own, so that workers start on different ones. */
  #order: string[] = []

  constructor(run: Incarnation) {
    this.#run = run
    this.#acks = new AckBatcher(this)
  }

  writer(page: string): PageStateWriter {
    let writer = this.#writers.get(page)
    if (writer === undefined) {
      writer = new PageStateWriter(this.#run, page)
      this.#writers.set(page, writer)
    }
    return writer
  }

  /** The unfinished pages, or undefined when the queue is done. */
  async open(): Promise<{ pages: string[]; held: boolean } | undefined> {
    const names = await this.#run.store.list(this.#run.at('open'))
    if (names === undefined) {
      await this.#run.assertThere()
      return undefined
    }
    const pages = names.filter((name) => name !== HOLD)
    const foreign = pages.find((name) => !isPageName(name))
    if (foreign !== undefined) {
      const why = `${named(foreign)} is among the pages of ${this.#run.store.url}, and is no name of one`
      throw new WatchdogError('ERR_CORRUPT', why, { path: this.#run.at('open') })
    }
    return { pages, held: names.includes(HOLD) }
  }

  async #refreshOrder(): Promise<'done' | 'open'> {
    const open = await this.open()
    const names = new Set(open?.pages)
    const known = this.#order.filter((name) => names.delete(name))
    this.#order = [...known, ...shuffle([...names])]
    return open === undefined ? 'done' : 'open'
  }

  /** Items that are likely to be ready, from what was last seen. */
  get estimate(): number {
    const states = this.#order.map((name) => this.#writers.get(name)?.cached)
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
      const writer = this.writer(page)
      // Fresh items only become fewer, so an old state that has none is as good as a new one.
      if (writer.cached !== undefined && readyIn(writer.cached, 'fresh') === 0) continue
      const result = await writer.submit(make('fresh', page))
      if (result !== undefined) return { page, result }
    }
    return undefined
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
        some.map(async (page) => {
          const { state } = await this.writer(page).read()
          return { page, state: await this.#takeUnhanded(page, state) }
        }),
      )
      found.push(...states.filter(({ state }) => ready(state) > 0))
      for (const { page, state } of states) {
        if (!isComplete(state)) continue
        await this.finish(page)
        hasFinished = true
      }
    }
    for (const source of ['retry', 'suspects'] as const) {
      for (const { page, state } of found) {
        if (readyIn(state, source) === 0) continue
        const result = await this.writer(page).submit(make(source, page))
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
    return this.writer(page).submit(claimStep(request, 'any but suspects'))
  }

  /** What is held under a token whose claim was left in doubt. */
  async claimed(page: string, token: string): Promise<Taken | undefined> {
    await this.#run.store.sync()
    const held = claimed((await this.writer(page).read()).state, token)
    return held === 'revoked' ? undefined : held
  }

  async consume(handle: string, seq: number): Promise<TakenFrom<number> | 'empty' | 'done'> {
    const taken = await this.take<number | 'forgotten'>((source) => ({
      // What was handed out must not be handed out again, not even after a power cut.
      durable: true,
      apply: (state, unsure) => {
        const item = unsure ? consumedItem(state, handle, seq) : undefined
        return item === undefined ? consume(state, { handle, seq, source }) : { state, result: item }
      },
    }))
    if (typeof taken === 'string') return taken
    const { page, result } = taken
    if (result === 'forgotten') {
      const why = `${MAX_CONSUMERS} others have consumed from page ${page} since`
      throw this.#ambiguous(`An item may have been consumed and lost with the connection: ${why}`)
    }
    return { page, result }
  }

  #ambiguous(message: string): WatchdogError {
    return new WatchdogError('ERR_AMBIGUOUS', `${message}, so what came of it is no longer on record`, {
      retryable: false,
      maybeApplied: true,
    })
  }

  /** Ends one lease whose work is done; then, if that was the last item, the page. */
  async ack(page: string, request: AckRequest): Promise<'settled' | 'lost'> {
    const exception = await this.#acks.add(page, request)
    if (exception === 'forgotten') throw this.#forgotten(page, request.index)
    return exception ?? 'settled'
  }

  /** Ends one lease whose work was not done; then, if that was the last item, the page. */
  async settle(
    page: string,
    request: { token: string; index: number; as: Setback; letter?: object; inDoubt: boolean },
  ): Promise<'settled' | 'dead' | 'lost'> {
    const { token, index } = request
    const { maxAttempts } = this.#run.settings
    const result = await this.writer(page).submit<'settled' | 'dead' | Exception>({
      apply: (state, unsure) => {
        const outcome = settle(state, { ...request, maxAttempts })
        if (outcome.result !== 'lost' || !(unsure || request.inDoubt)) return outcome
        return { state, result: exceptionOf(state, token, index) ?? 'settled' }
      },
      prepare: (outcome) => {
        return outcome === 'dead' ? this.#record(page, index, request.letter ?? {}) : undefined
      },
    })
    await this.finishIfComplete(page)
    if (result === 'forgotten') throw this.#forgotten(page, index)
    return result
  }

  #forgotten(page: string, index: number): WatchdogError {
    const why = `${MAX_REVOKED} leases of page ${page} have been taken from dead workers since`
    return this.#ambiguous(`Item ${page}-${index} may be settled or leased anew: ${why}`)
  }

  /** Ends the page when the last write of this process was its last item. */
  finishIfComplete(page: string): Promise<void> | undefined {
    const state = this.writer(page).cached
    if (state === undefined || !isComplete(state)) return undefined
    // Once for all the acks of one write. The items are settled whether or not this succeeds: who
    // waits for the end will do it otherwise.
    let finishing = this.#finishing.get(page)
    if (finishing === undefined) {
      finishing = this.finish(page)
        .catch(() => {})
        .finally(() => this.#finishing.delete(page))
      this.#finishing.set(page, finishing)
    }
    return finishing
  }

  /**
   * The acks of that claim are in its page's state from now on: the first `acked` with this. What comes after
   * the first `kept` is given back. Says how many those were.
   */
  async endLog(
    page: string,
    request: { token: string; acked: number; kept: number; inDoubt: boolean },
  ): Promise<number> {
    if (request.inDoubt) await this.#run.store.sync()
    const released = await this.writer(page).submit<number>({ apply: (state) => endLog(state, request) })
    await this.finishIfComplete(page)
    return released
  }

  /** Gives back what workers with a log have claimed and not begun. */
  async #takeUnhanded(page: string, state: PageState): Promise<PageState> {
    const { logs } = this.#run.store
    if (logs === undefined || takeUnhanded(state, ({ wid, log }) => logs.read(wid, log)).result === 0)
      return state
    const writer = this.writer(page)
    await writer.submit<number>({
      apply: (newer) => takeUnhanded(newer, ({ wid, log }) => logs.take(wid, log)),
    })
    return writer.cached ?? state
  }

  /** The state of a page, with all acks that are on record elsewhere. */
  async look(page: string): Promise<PageState> {
    const { logs } = this.#run.store
    const writer = this.writer(page)
    const { state } = await writer.read()
    const logged = state.claims.filter(({ log }) => log !== 0)
    if (logs === undefined || logged.length === 0) return state
    const acked = new Map(logged.map(({ token, wid, log }) => [token, logs.read(wid, log)]))
    // In this order: acks go from the log to the state. Those of a claim that is newer have come since.
    return fold((await writer.read()).state, ({ token }) => acked.get(token) ?? 0)
  }

  /** Writes a dead letter; an older one of the same item is replaced. */
  async #record(page: string, index: number, letter: object): Promise<void> {
    const path = this.#run.at('dead', `${page}-${index}`)
    const data = Buffer.from(JSON.stringify(letter))
    const made = await this.#run.store.create(path, data)
    if (made === 'exists') await this.#run.store.set(path, data, ANY_VERSION)
    if (made === 'orphan') throw this.#run.closed()
  }

  async reap(page: string, isGone: (wid: string) => boolean): Promise<Reaped> {
    const { settings, store } = this.#run
    const { maxAttempts } = settings
    const logged: Logged = ({ wid, log }) => (isGone(wid) ? (store.logs?.take(wid, log) ?? 0) : 0)
    return this.writer(page).submit<Reaped>({
      apply: (state) => reap(fold(state, logged), { isGone, maxAttempts }),
      prepare: async ({ dead }) => {
        await Promise.all(
          dead.map(({ index, attempts, wid }) => this.#record(page, index, { attempts, wid })),
        )
      },
    })
  }

  async redrive(page: string, indexes: readonly number[]): Promise<number> {
    await this.#reopen(page)
    const revived = await this.writer(page).submit<number>({ apply: (state) => redrive(state, indexes) })
    // Somebody may have seen the page complete, and closed it, between those two.
    if (revived > 0) await this.#reopen(page)
    return revived
  }

  /** Makes the page's marker, or a new version of it, which spares it from who saw the page complete before. */
  async #reopen(page: string): Promise<void> {
    const { store } = this.#run
    const marker = this.#run.at('open', page)
    for (;;) {
      if ((await store.set(marker, EMPTY, ANY_VERSION)).kind === 'set') return
      const made = await store.create(marker, EMPTY)
      if (made === 'created') return
      if (made === 'orphan' && (await store.create(this.#run.at('open'), EMPTY)) === 'orphan') {
        throw this.#run.closed()
      }
    }
  }

  /** Takes the marker of a complete page away, and `open` with the last one: the server says who was last. */
  async finish(page: string): Promise<void> {
    const { store } = this.#run
    const path = this.#run.at('open', page)
    const marker = await store.info(path)
    if (marker === undefined) return
    // In this order: a redrive writes the marker first, so a state that was complete after it is new enough.
    const { state } = await this.writer(page).read()
    if (!isComplete(state)) return
    await store.delete(path, marker.version)
    await this.tryDone()
  }

  /** Declares the queue done if it is. */
  async tryDone(): Promise<void> {
    await this.#run.store.delete(this.#run.at('open'), ANY_VERSION)
  }

  async item(page: string, index: number): Promise<unknown> {
    return (await this.items(page, index, index + 1))[0]
  }

  /** The items in `[from, to)`. */
  async items(page: string, from: number, to: number): Promise<unknown[]> {
    const { bytes, offsets } = await this.#load(page)
    const items: unknown[] = []
    for (let index = from; index < to; index++) {
      if (index >= offsets.length) throw new WatchdogError('ERR_CORRUPT', `Page ${page} has no item ${index}`)
      try {
        items.push(itemAt(bytes, offsets[index]!))
      } catch (cause) {
        const message = `Item ${index} of page ${page} is not the JSON it claims to be`
        throw new WatchdogError('ERR_CORRUPT', message, { cause })
      }
    }
    return items
  }

  #load(page: string): Promise<LoadedPage> {
    const loaded = this.#loaded.get(page)
    if (loaded !== undefined) return loaded
    const loading = this.#read(page)
    this.#loaded.set(page, loading)
    loading.catch(() => this.#loaded.delete(page))
    const oldest = this.#loaded.keys().next().value
    if (this.#loaded.size > CACHED_PAGES && oldest !== undefined) this.#loaded.delete(oldest)
    return loading
  }

  async #read(page: string): Promise<LoadedPage> {
    const path = this.#run.at('pages', page)
    const node = await this.#run.store.get(path)
    if (node === undefined) {
      await this.#run.assertThere()
      throw new WatchdogError('ERR_CORRUPT', `Page ${page} of ${this.#run.store.url} is missing`, { path })
    }
    const offsets = pageIndex(node.data)
    if (offsets === undefined) {
      throw new WatchdogError('ERR_CORRUPT', `Page ${page} of ${this.#run.store.url} is not readable`, {
        path,
      })
    }
    const size = this.writer(page).cached?.size
    if (size !== undefined && size !== offsets.length) {
      const why = `The state of page ${page} of ${this.#run.store.url} is of ${size} items, the page has ${offsets.length}`
      throw new WatchdogError('ERR_CORRUPT', why, { path })
    }
    return { bytes: node.data, offsets }
  }
}
