// A queue of a list that may grow, `ifExists: 'extend'`: the node `list` says how many items it was made of, their
// digest, and what they are for. The same list, or one that goes on where that ended, is taken up for the same purpose;
// any other is refused.
//
// Pages of later items are called by the number of their first item, so that after a crash, and beside others who
// do the same, each finds what is there already: nothing is added twice.

import { createHash, type Hash } from 'node:crypto'
import { EMPTY } from '../../util/bytes'
import { WatchdogError } from '../../util/errors'
import { decodeState, encodeState } from '../page-state/codec'
import { type EncodedPage, encodeItem, encodePages, pageIndex } from '../page-state/item-page'
import { counts, newState } from '../page-state/page-state'
import type { Incarnation } from './incarnation'

interface ListRecord {
  readonly count: number
  /** SHA-256 of kind, length and bytes of each. */
  readonly digest: string
  /** What is done with them, in words of whoever does it. */
  readonly purpose?: string
}

export interface Purpose {
  readonly text: string
  /** It is another from now on, whatever was begun. */
  readonly mayChange: boolean
}

type Items = Iterable<unknown> | AsyncIterable<unknown>

const NODE = 'list'
const SHOWN_DIGITS = 12

/** Counts items and digests them as they pass. */
export class ListMeter {
  readonly #hash: Hash = createHash('sha256')
  #count = 0

  get record(): Omit<ListRecord, 'purpose'> {
    return { count: this.#count, digest: this.#hash.copy().digest('hex') }
  }

  get count(): number {
    return this.#count
  }

  add(item: unknown): void {
    const { kind, bytes } = encodeItem(item)
    this.#hash.update(`${kind} ${bytes.length} `).update(bytes)
    this.#count++
  }

  async *measure(items: Items): AsyncGenerator<unknown, void, undefined> {
    for await (const item of items) {
      this.add(item)
      yield item
    }
  }
}

/** What a list was made of, for a queue that is being made. */
export function encodeList(meter: ListMeter, purpose: string | undefined): Buffer {
  return Buffer.from(JSON.stringify({ ...meter.record, purpose }))
}

export function listPath(incarnation: Incarnation): string {
  return incarnation.at(NODE)
}

/** Adds what `items` has beyond what the queue was made of. */
export async function extendList(
  incarnation: Incarnation,
  items: Items,
  purpose: Purpose | undefined,
): Promise<void> {
  const known = await readList(incarnation)
  if (purpose !== undefined) await checkPurpose(incarnation, known, purpose)
  const meter = new ListMeter()
  const iterator = iteratorOf(items)
  try {
    while (meter.count < known.count) {
      const next = await iterator.next()
      if (next.done) throw changed(incarnation, known, `this one has ${meter.count} items`)
      meter.add(next.value)
    }
    if (meter.record.digest !== known.digest) {
      const own = `the first ${known.count} of this one are others (${meter.record.digest.slice(0, SHOWN_DIGITS)}...)`
      throw changed(incarnation, known, own)
    }
    if (await addRest(incarnation, iterator, { meter, known })) await incarnation.notify()
  } finally {
    await iterator.return?.(undefined)
  }
  await keepRecord(incarnation, meter, purpose?.text)
}

/** What was done for one purpose would count as done for the other. */
async function checkPurpose(incarnation: Incarnation, known: ListRecord, purpose: Purpose): Promise<void> {
  const { text, mayChange } = purpose
  if (mayChange || known.purpose === undefined || known.purpose === text) return
  if (!(await isBegun(incarnation))) return
  throw new WatchdogError(
    'ERR_EXISTS',
    `The queue at ${incarnation.store.url} was begun for something else: ${known.purpose}`,
    { retryable: false },
  )
}

/** Whether an item was ever tried, or is in somebody's hands. */
async function isBegun(incarnation: Incarnation): Promise<boolean> {
  const { store } = incarnation
  for (const page of (await store.list(incarnation.at('states'))) ?? []) {
    const node = await store.get(incarnation.at('states', page))
    const state = node && decodeState(node.data)
    if (state === undefined) continue
    const { done, failed, leased } = counts(state)
    if (done + failed + leased > 0) return true
  }
  return false
}

function iteratorOf(items: Items): AsyncIterator<unknown> {
  return (async function* () {
    yield* items
  })()
}

async function readList(incarnation: Incarnation): Promise<ListRecord> {
  const { store } = incarnation
  const node = await store.get(listPath(incarnation))
  if (node !== undefined) {
    try {
      const { count, digest, purpose } = JSON.parse(node.data.toString()) as ListRecord
      if (Number.isSafeInteger(count) && typeof digest === 'string')
        return { count, digest, ...(typeof purpose === 'string' ? { purpose } : {}) }
    } catch {
      // Damaged: nothing is known of the list.
    }
  }
  throw new WatchdogError(
    'ERR_EXISTS',
    `There is a queue at ${store.url} that was not made of a list with option 'ifExists': 'extend'`,
    { retryable: false },
  )
}

function changed({ store }: Incarnation, { count, digest }: ListRecord, own: string): WatchdogError {
  return new WatchdogError(
    'ERR_EXISTS',
    `The queue at ${store.url} was made of another list: that one had ${count} items (${digest.slice(0, SHOWN_DIGITS)}...), ${own}`,
    { retryable: false },
  )
}

interface Extension {
  readonly meter: ListMeter
  readonly known: ListRecord
}

/** Says whether there was more. */
async function addRest(
  incarnation: Incarnation,
  iterator: AsyncIterator<unknown>,
  { meter, known }: Extension,
): Promise<boolean> {
  // What an earlier try has added.
  while (await isOfList(incarnation, iterator, { meter, known }));
  let name = pageName(meter.count)
  let added = meter.count > known.count
  const rest: AsyncIterable<unknown> = { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) }
  let first = meter.count
  for await (const page of encodePages(meter.measure(rest), { isLong: true })) {
    await addPage(incarnation, name, page)
    first += page.size
    name = pageName(first)
    added = true
  }
  return added
}

/** Sorts behind the pages that a queue is made with. */
function pageName(first: number): string {
  return `q${String(first).padStart(12, '0')}`
}

/** Whether the page of the next items is there already; then those are passed by. */
async function isOfList(
  incarnation: Incarnation,
  iterator: AsyncIterator<unknown>,
  { meter, known }: Extension,
): Promise<boolean> {
  const name = pageName(meter.count)
  const node = await incarnation.store.get(incarnation.at('pages', name))
  if (node === undefined) return false
  const offsets = pageIndex(node.data)
  const there: unknown[] = []
  for (let i = 0; i < (offsets?.length ?? 0); i++) {
    const next = await iterator.next()
    if (next.done)
      throw changed(incarnation, known, `and more were added since; this one has ${meter.count} items`)
    meter.add(next.value)
    there.push(next.value)
  }
  const same = await firstPage(there)
  if (same === undefined || !same.bytes.equals(node.data)) {
    throw changed(
      incarnation,
      known,
      `and others were added since than this one has from item ${meter.count} on`,
    )
  }
  if ((await incarnation.store.get(incarnation.at('states', name))) === undefined) {
    await commitPage(incarnation, name, same.size)
  }
  return true
}

async function firstPage(items: readonly unknown[]): Promise<EncodedPage | undefined> {
  // The pages of a queue begin short; these are added, and as long as they get.
  for await (const page of encodePages(items, { isLong: true })) return page
  return undefined
}

async function addPage(incarnation: Incarnation, name: string, page: EncodedPage): Promise<void> {
  const { store } = incarnation
  const made = await store.create(incarnation.at('pages', name), page.bytes)
  if (made === 'orphan') throw incarnation.closed()
  const node = made === 'exists' ? await store.get(incarnation.at('pages', name)) : undefined
  if (node !== undefined && !node.data.equals(page.bytes)) {
    throw new WatchdogError(
      'ERR_EXISTS',
      `Somebody else adds other items to the queue at ${store.url} right now`,
    )
  }
  await commitPage(incarnation, name, page.size)
}

/** The marker is the commit: whoever meets it makes the state. A queue that was done has no place for markers. */
async function commitPage(incarnation: Incarnation, name: string, size: number): Promise<void> {
  const { store } = incarnation
  while ((await store.create(incarnation.at('open', name), EMPTY)) === 'orphan') {
    if ((await store.create(incarnation.at('open'), EMPTY)) === 'orphan') throw incarnation.closed()
  }
  await store.create(incarnation.at('states', name), encodeState(newState(size)))
}

/** Only saves work the next time: what is in the pages counts. */
async function keepRecord(
  incarnation: Incarnation,
  meter: ListMeter,
  purpose: string | undefined,
): Promise<void> {
  const { store } = incarnation
  for (;;) {
    const node = await store.get(listPath(incarnation))
    if (node === undefined) throw incarnation.closed()
    const known = await readList(incarnation)
    const isNewer = known.count < meter.count
    const isOther = purpose !== undefined && purpose !== known.purpose
    if (!isNewer && !isOther) return
    const { count, digest } = isNewer ? meter.record : known
    const record: ListRecord = { count, digest, purpose: purpose ?? known.purpose }
    const bytes = Buffer.from(JSON.stringify(record))
    if ((await store.set(listPath(incarnation), bytes, node.version)).kind === 'set') return
  }
}
