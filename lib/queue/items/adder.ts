// Adding items to a queue that is not sealed. Many items become pages; one at a time, they join the last page that
// this handle has made, as long as that is short and not done, so that a hundred thousand calls make a hundred pages.
//
// A page becomes part of the queue with its marker: state, page, marker, in this order, so that a state is made once,
// before anybody can have finished it. Items that join are on the page before its state counts them; whoever is
// killed between the two has added nothing, and nobody else ever adds to that page.

import { EMPTY } from '../../util/bytes'
import { WatchdogError } from '../../util/errors'
import { randomName } from '../../util/random-name'
import type { Incarnation } from '../incarnation/incarnation'
import { NEWEST_VERSION } from '../incarnation/queue-record'
import { encodeState } from '../page-state/codec'
import { type EncodedPage, encodePages, itemBytes, joinPages, MAX_PAGE_BYTES } from '../page-state/item-page'
import { pageName, timedBase } from '../page-state/page-name'
import { grow, newState } from '../page-state/page-state'
import { ANY_VERSION } from '../store/store'
import type { PageStates } from './page-states'
import { digestOf, UniqueIds } from './unique-ids'

export interface AddTraits {
  readonly priority: number
  /** Not to be leased before so much time has passed, in milliseconds. */
  readonly delayMs: number
}

export interface AddRequest extends AddTraits {
  /** Names an item: one whose name is known is not added. */
  readonly id?: ((item: unknown) => string) | undefined
}

/** A page that this handle may add to. */
interface GrowingPage extends EncodedPage {
  readonly name: string
  readonly version: number
}

/** What waits to be added together. */
interface Pending {
  readonly page: EncodedPage
  readonly resolve: (ids: string[]) => void
  readonly reject: (error: unknown) => void
}

/** A page that grows is written anew each time. */
const MAX_GROWN_BYTES = 64 * 1024
const MAX_GROWN_ITEMS = 1000

export function sealedError({ store }: Incarnation): WatchdogError {
  const why = `The queue at ${store.url} is sealed; create it with option 'sealed': false`
  return new WatchdogError('ERR_SEALED', why)
}

/** The same error, which tells that part of what was asked for has happened. */
export function partlyApplied(error: unknown): unknown {
  if (!(error instanceof WatchdogError)) return error
  const { code, message, cause, path, retryable } = error
  return new WatchdogError(code, message, { cause: cause ?? error, path, retryable, maybeApplied: true })
}

/** Makes a page part of the queue. `'taken'`: somebody has made a page of that name. */
export async function addPage(
  incarnation: Incarnation,
  name: string,
  { page, until }: { page: EncodedPage; until?: number },
): Promise<'added' | 'taken'> {
  const { store } = incarnation
  if (
    (await store.create(incarnation.at('states', name), encodeState(newState(page.size, until)))) === 'orphan'
  )
    throw incarnation.closed()
  const made = await store.create(incarnation.at('pages', name), page.bytes)
  if (made === 'orphan') throw incarnation.closed()
  if (made === 'exists') {
    await store.delete(incarnation.at('states', name), ANY_VERSION)
    return 'taken'
  }
  // The commit.
  if ((await store.create(incarnation.at('open', name), EMPTY)) === 'orphan') {
    await incarnation.assertThere()
    await store.delete(incarnation.at('pages', name), ANY_VERSION)
    await store.delete(incarnation.at('states', name), ANY_VERSION)
    throw sealedError(incarnation)
  }
  return 'added'
}

export class Adder {
  readonly #incarnation: Incarnation
  readonly #states: PageStates
  readonly #lines = new Map<string, Line>()
  readonly #names: UniqueIds

  constructor(incarnation: Incarnation, states: PageStates) {
    this.#incarnation = incarnation
    this.#states = states
    this.#names = new UniqueIds(incarnation)
  }

  /**
   * Adds items. Returns their ids. An error says by `maybeApplied` that some are in the queue already.
   */
  async add(items: Iterable<unknown> | AsyncIterable<unknown>, traits: AddRequest): Promise<string[]> {
    const record = await this.#incarnation.assertThere()
    if (record.phase !== 'open') throw sealedError(this.#incarnation)
    const { priority, delayMs } = traits
    if (priority > 0 || delayMs > 0) await this.#incarnation.upgrade()
    // Older versions take a page for what it was when they saw it first.
    const mayGrow = record.version >= NEWEST_VERSION
    const line = this.#line(traits)
    const ids: string[] = []
    try {
      if (traits.id !== undefined) return await this.#addNamed(items, { ...traits, id: traits.id }, ids)
      for await (const page of encodePages(items)) {
        const isShort = page.bytes.length < MAX_GROWN_BYTES && page.size < MAX_GROWN_ITEMS
        ids.push(...(await (mayGrow && isShort ? line.join(page) : line.begin(page))))
      }
    } catch (error) {
      throw ids.length === 0 ? error : partlyApplied(error)
    }
    await this.#notify()
    return ids
  }

  async #notify(): Promise<void> {
    await this.#incarnation.notify().catch((error) => {
      throw partlyApplied(error)
    })
  }

  /** Adds those whose name is not known; puts their ids into `ids` as they come. */
  async #addNamed(
    items: Iterable<unknown> | AsyncIterable<unknown>,
    traits: AddTraits & { readonly id: (item: unknown) => string },
    ids: string[],
  ): Promise<string[]> {
    for await (const chunk of chunksOf(items, traits.id)) {
      let left = chunk
      for (;;) {
        const name = await newName(this.#incarnation, traits, { named: true })
        const own = await this.#names.enter([...left.keys()], name.name)
        left = new Map([...left].filter(([digest]) => own.has(digest)))
        if (left.size === 0) break
        const page = await firstPage([...left.values()])
        // Taken: others thought that we were dead, and have some of the names.
        if ((await addPage(this.#incarnation, name.name, { page, until: name.until })) === 'taken') continue
        ids.push(...idsOf(name.name, 0, page.size))
        break
      }
    }
    if (ids.length > 0) await this.#notify()
    return ids
  }

  #line(traits: AddTraits): Line {
    const key = `${traits.priority} ${traits.delayMs}`
    let line = this.#lines.get(key)
    if (line === undefined) {
      // Delays may be all different: those of long ago are not kept for ever.
      if (this.#lines.size >= MAX_LINES) this.#lines.delete(this.#lines.keys().next().value!)
      line = new Line(this.#incarnation, this.#states, traits)
      this.#lines.set(key, line)
    }
    return line
  }
}

const MAX_LINES = 100

/** Items of one priority and one delay, in the order in which they came. */
class Line {
  readonly #incarnation: Incarnation
  readonly #states: PageStates
  readonly #traits: AddTraits
  #growing: GrowingPage | undefined
  #pending: Pending[] = []
  #isBusy = false

  constructor(incarnation: Incarnation, states: PageStates, traits: AddTraits) {
    this.#incarnation = incarnation
    this.#states = states
    this.#traits = traits
  }

  /** Adds a page of its own. Returns the ids of its items. */
  async begin(page: EncodedPage): Promise<string[]> {
    const { name, until } = await newName(this.#incarnation, this.#traits)
    await addPage(this.#incarnation, name, { page, until })
    this.#growing = { name, version: 0, ...page }
    return idsOf(name, 0, page.size)
  }

  /** Adds items to the last page, or to one of their own. Those that come meanwhile go together. */
  join(page: EncodedPage): Promise<string[]> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ page, resolve, reject })
      if (!this.#isBusy) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#isBusy = true
    while (this.#pending.length > 0) {
      const [first, ...rest] = this.#pending
      const batch = [first!]
      let { page } = first!
      for (const next of rest) {
        if (!fits(page, next.page)) break
        page = joinPages(page, next.page)
        batch.push(next)
      }
      this.#pending = this.#pending.slice(batch.length)
      try {
        const ids = await this.#append(page)
        let at = 0
        for (const { page, resolve } of batch) {
          resolve(ids.slice(at, at + page.size))
          at += page.size
        }
      } catch (error) {
        this.#growing = undefined
        for (const { reject } of batch) reject(error)
      }
    }
    this.#isBusy = false
  }

  async #append(more: EncodedPage): Promise<string[]> {
    const growing = this.#growing
    if (growing !== undefined && fits(growing, more)) {
      const grown = await this.#grow(growing, more)
      if (grown) return idsOf(growing.name, growing.size, growing.size + more.size)
    }
    this.#growing = undefined
    return this.begin(more)
  }

  /** False: the page is done, and perhaps gone. */
  async #grow(growing: GrowingPage, more: EncodedPage): Promise<boolean> {
    const { store, clock } = this.#incarnation
    const { name, version } = growing
    const page = joinPages(growing, more)
    const set = await store.set(this.#incarnation.at('pages', name), page.bytes, version, { quiet: true })
    if (set.kind !== 'set') return false
    this.#growing = { name, version: set.info.version, ...page }
    const { delayMs } = this.#traits
    const until = delayMs > 0 ? Math.ceil((await clock.atMost()) + delayMs) : undefined
    const { size } = page
    return this.#states.writer(name).submit<boolean>({
      name: 'grow',
      apply: (state) => grow(state, { size, until }),
    })
  }
}

/** A name for a page that is added now. */
async function newName(
  { clock }: Incarnation,
  { priority, delayMs }: AddTraits,
  { named = false } = {},
): Promise<{ name: string; until: number | undefined }> {
  const now = await clock.atMost()
  const until = delayMs > 0 ? Math.ceil(now + delayMs) : undefined
  return { name: pageName(timedBase(now, randomName(8), { named }), { priority, until }), until }
}

/** Items by the digest of their names, as many as fit on a page; of those with the same name the first. */
async function* chunksOf(
  items: Iterable<unknown> | AsyncIterable<unknown>,
  id: (item: unknown) => string,
): AsyncGenerator<Map<string, unknown>, void, undefined> {
  let chunk = new Map<string, unknown>()
  let bytes = 0
  for await (const item of items) {
    const digest = digestOf(id(item))
    if (chunk.has(digest)) continue
    const size = itemBytes(item)
    if (chunk.size > 0 && (chunk.size === MAX_GROWN_ITEMS || bytes + size > MAX_PAGE_BYTES)) {
      yield chunk
      chunk = new Map()
      bytes = 0
    }
    chunk.set(digest, item)
    bytes += size
  }
  if (chunk.size > 0) yield chunk
}

/** REQUIRES: they fit on one. */
async function firstPage(items: readonly unknown[]): Promise<EncodedPage> {
  const { value } = await encodePages(items, { isLong: true }).next()
  return value as EncodedPage
}

function fits(first: EncodedPage, then: EncodedPage): boolean {
  return (
    first.size + then.size <= MAX_GROWN_ITEMS && first.bytes.length + then.bytes.length <= MAX_GROWN_BYTES
  )
}

function idsOf(page: string, from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `${page}-${from + i}`)
}
