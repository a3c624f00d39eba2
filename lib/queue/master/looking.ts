// The items of a queue one by one, for those who look: which there are and where each is, and what came of those
// that are done. Looking changes nothing.

import { Gate } from '../incarnation/gate'
import type { Incarnation } from '../incarnation/incarnation'
import { Totals } from '../incarnation/totals'
import { decodeDeadLetter } from '../items/dead-letter'
import { readResults } from '../items/results'
import type { AttachedQueue } from '../members/attached-queue'
import { decodeMember } from '../members/member'
import { comparePages } from '../page-state/page-name'
import { counts, GONE, isComplete, type PageState } from '../page-state/page-state'
import { type PlacedRange, places } from '../page-state/places'
import type { ItemInfo, ItemResult, ItemsOptions, QueueCounts } from '../types'

/** How many states are read at once. */
const READ_AT_ONCE = 64
/** How often a count is begun again because pages went meanwhile. */
const COUNT_TRIES = 8

async function pageNames({ incarnation }: AttachedQueue): Promise<{ states: string[]; open: Set<string> }> {
  const { store } = incarnation
  const [states, open] = await Promise.all([
    store.list(incarnation.at('states')),
    store.list(incarnation.at('open')),
  ])
  if (states === undefined) throw incarnation.closed()
  return { states, open: new Set(open?.filter((name) => !name.startsWith('.'))) }
}

/** The state of a page that is part of the queue; undefined: it is not, or not any more. */
async function lookAt(queue: AttachedQueue, page: string, isOpen: boolean): Promise<PageState | undefined> {
  const { incarnation, pages } = queue
  let state = await pages.states.look(page)
  if (!isOpen && !isComplete(state)) {
    // It is being added right now, or its adder has died; or it was closed between the two looks, then it is done.
    if ((await incarnation.store.info(incarnation.at('open', page))) !== undefined) return state
    state = await pages.states.look(page)
    if (!isComplete(state)) return undefined
  }
  return state === GONE ? undefined : state
}

async function nowFor(incarnation: Incarnation, states: readonly PageState[]): Promise<number> {
  return states.some(({ delayed }) => delayed.length > 0) ? incarnation.clock.atLeast() : 0
}

export async function countItems(queue: AttachedQueue): Promise<QueueCounts> {
  const { incarnation } = queue
  const totals = incarnation.forgetsDone ? new Totals(incarnation) : undefined
  for (let tries = 1; ; tries++) {
    const before = await totals?.read()
    const sum = await countPages(queue, new Set(before?.leaving))
    const { done = 0, failed = 0 } = before ?? {}
    const all = {
      ...sum,
      total: sum.total + done,
      done: sum.done + done,
      // Of pages that are gone no item is dead.
      failed: sum.failed + failed,
      retried: sum.retried + failed,
    }
    // What went in between is in neither, or in both.
    const isExact = totals === undefined || (await totals.read()).version === before!.version
    if (isExact || tries === COUNT_TRIES) return { ...all, ...(await waitingOf(incarnation, all.ready)) }
  }
}

async function waitingOf(incarnation: Incarnation, ready: number): Promise<Pick<QueueCounts, 'waiting'>> {
  if (ready === 0) return {}
  const { state } = await new Gate(incarnation).read()
  return state === 'open' ? {} : { waiting: ready }
}

type PageCounts = Omit<QueueCounts, 'waiting'>

async function countPages(queue: AttachedQueue, leaving: ReadonlySet<string>): Promise<PageCounts> {
  const { states, open } = await pageNames(queue)
  const names = [...new Set([...states, ...open])].filter((name) => !leaving.has(name))
  const all = await Promise.all(names.map((name) => lookAt(queue, name, open.has(name))))
  const known = all.filter((state) => state !== undefined)
  const now = await nowFor(queue.incarnation, known)
  const sum: PageCounts = {
    total: 0,
    ready: 0,
    delayed: 0,
    leased: 0,
    done: 0,
    dead: 0,
    failed: 0,
    retried: 0,
  }
  for (const state of known) {
    const one = counts(state, now)
    for (const field of Object.keys(sum) as (keyof PageCounts)[]) sum[field] += one[field]
  }
  return sum
}

/** Every page that is part of the queue, in the order in which they are worked on. */
async function* eachPage(
  queue: AttachedQueue,
): AsyncGenerator<{ page: string; state: PageState; now: number }, void, undefined> {
  const { states, open } = await pageNames(queue)
  const names = [...new Set([...states, ...open])].sort(comparePages)
  for (let i = 0; i < names.length; i += READ_AT_ONCE) {
    const some = names.slice(i, i + READ_AT_ONCE)
    const looks = await Promise.all(some.map((name) => lookAt(queue, name, open.has(name))))
    const now = await nowFor(
      queue.incarnation,
      looks.filter((state) => state !== undefined),
    )
    for (const [n, state] of looks.entries()) if (state !== undefined) yield { page: some[n]!, state, now }
  }
}

class Workers {
  readonly #incarnation: Incarnation
  readonly #ids = new Map<string, Promise<string | undefined>>()

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation
  }

  /** The id of a timer. */
  id(wid: string): Promise<string | undefined> {
    let id = this.#ids.get(wid)
    if (id === undefined) {
      id = this.#read(wid)
      this.#ids.set(wid, id)
    }
    return id
  }

  async #read(wid: string): Promise<string | undefined> {
    const node = await this.#incarnation.store.get(this.#incarnation.at('members', wid))
    return node && decodeMember(node.data)?.id
  }
}

export async function* listItems(
  queue: AttachedQueue,
  { state: wanted, limit = Number.POSITIVE_INFINITY }: ItemsOptions,
): AsyncGenerator<ItemInfo<unknown>, void, undefined> {
  const workers = new Workers(queue.incarnation)
  let left = limit
  for await (const { page, state, now } of eachPage(queue)) {
    for (const range of places(state, now)) {
      if (wanted !== undefined && range.place !== wanted) continue
      if (left <= 0) return
      const to = Math.min(range.to, range.from + left)
      const items = await itemsOf(queue, page, { ...range, to })
      for (const [i, item] of items.entries()) {
        yield await describe(queue, workers, { page, index: range.from + i, item, range })
      }
      left -= to - range.from
    }
  }
}

/** None where the page went meanwhile. */
async function itemsOf(queue: AttachedQueue, page: string, { from, to }: PlacedRange): Promise<unknown[]> {
  try {
    return await queue.pages.items.items(page, from, to)
  } catch (error) {
    const { incarnation } = queue
    if (!incarnation.forgetsDone) throw error
    if ((await incarnation.store.info(incarnation.at('states', page))) !== undefined) throw error
    return []
  }
}

interface Found {
  readonly page: string
  readonly index: number
  readonly item: unknown
  readonly range: PlacedRange
}

async function describe(
  { incarnation }: AttachedQueue,
  workers: Workers,
  { page, index, item, range }: Found,
): Promise<ItemInfo<unknown>> {
  const id = `${page}-${index}`
  const { place: state, wid, until } = range
  let { attempts } = range
  if (state === 'dead') {
    const letter = await incarnation.store.get(incarnation.at('dead', id))
    if (letter !== undefined) attempts = decodeDeadLetter(letter.data).attempts
  }
  const worker = wid === undefined ? undefined : await workers.id(wid)
  return {
    id,
    item,
    state,
    ...(attempts === undefined ? {} : { attempts }),
    ...(worker === undefined ? {} : { worker }),
    ...(until === undefined ? {} : { notBefore: until }),
  }
}

export async function* listResults(
  queue: AttachedQueue,
): AsyncGenerator<ItemResult<unknown>, void, undefined> {
  for await (const { page, state, now } of eachPage(queue)) {
    const done = places(state, now).filter(({ place }) => place === 'done')
    if (done.length === 0) continue
    // After the state: of what is done there, all results are on record, and no newer one will come.
    const results = await readResults(queue.incarnation, page)
    for (const { from, to } of done) {
      const items = await queue.pages.items.items(page, from, to)
      for (const [i, item] of items.entries()) {
        const result = results.get(from + i)
        // One that was consumed has none.
        if (result === undefined) continue
        const { attempt, worker } = result
        yield { id: `${page}-${from + i}`, item, result: result.result as never, attempts: attempt, worker }
      }
    }
  }
}
