// `after`: no item of a queue is leased before its predecessors are done. The node `after` is the gate. While it is
// there, it is closed; whoever finds all predecessors done takes it away, and then it is open for good: a redrive
// over there does not close it again. Its data say what the leader of the reapers has found last, so that a
// thousand waiting workers need not all ask.
//
// A predecessor is done when `open` is gone there, and then no letter tells of a dead item, and nobody has queued
// dead items again in between, which the node `signal` tells (native/test/models/after.pml).

import { isRecord, parseItemId, parseRecord } from '../../util/bounds'
import { WatchdogError } from '../../util/errors'
import { decodeState } from '../page-state/codec'
import { isComplete } from '../page-state/page-state'
import * as ranges from '../page-state/ranges'
import { ANY_VERSION, type Store } from '../store/store'
import { type Incarnation, incarnationOf } from './incarnation'
import { isUsable, readRecord } from './queue-record'

export type GateState = 'open' | 'waiting' | 'blocked' | 'missing'

export interface GateStatus {
  readonly state: GateState
  /** Of the queues that it is because of. */
  readonly urls: readonly string[]
}

export const GATE = 'after'
const OPEN: GateStatus = { state: 'open', urls: [] }
/** What comes first decides. */
const STATES = ['missing', 'blocked', 'waiting'] as const
/** How often one handle asks for itself; where there is a leader, he asks for all. */
const ASK_MS = 250
const ASK_BESIDE_LEADER_MS = 10_000

/** What has become of one queue. */
async function stateOf(
  store: Store,
  afterDead: 'wait' | 'run',
): Promise<Exclude<GateState, 'open'> | 'done'> {
  for (;;) {
    await store.sync()
    const stored = await readRecord(store)
    if (stored?.record.phase === 'creating') return 'waiting'
    if (stored === undefined || !isUsable(stored.record.phase)) return 'missing'
    const incarnation = incarnationOf(store, stored.record)
    if (incarnation.settings.itemless) {
      const why = `The queue at ${store.url} has no items, so that nothing can come after them`
      throw new WatchdogError('ERR_UNSUPPORTED', why)
    }
    const told = await store.info(incarnation.at('signal'))
    if ((await store.list(incarnation.at('open'))) !== undefined) return 'waiting'
    const left = await leftOver(incarnation)
    if (left === 'items') return 'waiting'
    // Whoever queues dead items again tells so once their page is open, and before their letters go.
    const again = await store.info(incarnation.at('signal'))
    const now = await readRecord(store)
    if (
      now?.record.run === stored.record.run &&
      isUsable(now.record.phase) &&
      again?.version === told?.version
    )
      return left === 'dead' && afterDead === 'wait' ? 'blocked' : 'done'
  }
}

/** What letters tell of: dead items, or some that have a new life already. */
async function leftOver(incarnation: Incarnation): Promise<'nothing' | 'dead' | 'items'> {
  const { store } = incarnation
  let left: 'nothing' | 'dead' = 'nothing'
  // A letter is on record before its item is dead.
  for (const id of (await store.list(incarnation.at('dead'))) ?? []) {
    const place = parseItemId(id)
    if (place === undefined) continue
    const node = await store.get(incarnation.at('states', place.page))
    const state = node && decodeState(node.data)
    if (state === undefined) continue
    if (!isComplete(state)) return 'items'
    if (ranges.has(state.dead, place.index)) left = 'dead'
  }
  return left
}

/** Connections to the predecessors of a queue, for as long as somebody waits for them. */
export class Predecessors {
  readonly #incarnation: Incarnation
  readonly #stores = new Map<string, Promise<Store>>()
  readonly #watched = new Set<string>()

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation
  }

  get canAsk(): boolean {
    return this.#incarnation.store.neighbour !== undefined
  }

  #store(url: string): Promise<Store> {
    let store = this.#stores.get(url)
    if (store === undefined) {
      store = this.#incarnation.store.neighbour!(url)
      this.#stores.set(url, store)
      store.catch(() => this.#stores.delete(url))
    }
    return store
  }

  /** Asks all of them; opens the gate when all are done. REQUIRES: `canAsk`. */
  async ask(): Promise<GateStatus> {
    const { settings } = this.#incarnation
    const { after = [], afterDead = 'wait' } = settings
    const states = await Promise.all(after.map(async (url) => stateOf(await this.#store(url), afterDead)))
    for (const state of STATES) {
      const urls = after.filter((_, i) => states[i] === state)
      if (urls.length > 0) return { state, urls }
    }
    await openGate(this.#incarnation)
    return OPEN
  }

  /** Calls `listener` when something may have changed over there. */
  async watch(listener: () => void): Promise<void> {
    for (const url of this.#incarnation.settings.after ?? []) {
      if (this.#watched.has(url)) continue
      const store = await this.#store(url)
      await store.watch('', 'data', listener)
      const stored = await readRecord(store)
      if (stored === undefined || !isUsable(stored.record.phase)) continue
      await store.watch(incarnationOf(store, stored.record).at('open'), 'children', listener)
      this.#watched.add(url)
    }
  }

  async close(): Promise<void> {
    const stores = [...this.#stores.values()]
    this.#stores.clear()
    this.#watched.clear()
    await Promise.all(stores.map((store) => store.then((one) => one.close()).catch(() => {})))
  }
}

async function openGate(incarnation: Incarnation): Promise<void> {
  await incarnation.store.delete(incarnation.at(GATE), ANY_VERSION)
  await incarnation.notify()
}

/** The gate of a queue, as one handle sees it. */
export class Gate {
  readonly #incarnation: Incarnation
  #isOpen: boolean
  #askedAt = Number.NEGATIVE_INFINITY
  #published: string | undefined

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation
    this.#isOpen = incarnation.settings.after === undefined
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** What is known; where nobody is known to ask, or it would be an error, asked anew. */
  async look(): Promise<GateStatus> {
    if (this.#isOpen) return OPEN
    const known = await this.read()
    if (known.state === 'open') return known
    const patience = this.#incarnation.store.needsLeader ? ASK_BESIDE_LEADER_MS : ASK_MS
    const isDue = performance.now() - this.#askedAt > patience
    return isDue || known.state !== 'waiting' ? this.ask() : known
  }

  /** What is known, without asking anybody. */
  async read(): Promise<GateStatus> {
    if (this.#isOpen) return OPEN
    const { store } = this.#incarnation
    const node = await store.get(this.#incarnation.at(GATE))
    if (node === undefined) {
      await this.#incarnation.assertThere()
      this.#isOpen = true
      return OPEN
    }
    const { state, urls } = parseRecord(node.data) ?? {}
    const isKnown = (state === 'blocked' || state === 'missing') && Array.isArray(urls)
    return isKnown ? { state, urls } : { state: 'waiting', urls: [] }
  }

  /** Asks the predecessors now. */
  async ask(): Promise<GateStatus> {
    const predecessors = new Predecessors(this.#incarnation)
    if (!predecessors.canAsk) return this.read()
    this.#askedAt = performance.now()
    try {
      return this.#heard(await predecessors.ask())
    } finally {
      await predecessors.close()
    }
  }

  #heard(status: GateStatus): GateStatus {
    this.#isOpen = status.state === 'open'
    return status
  }

  /** For the leader: asks over connections that stay, and tells who waits what is new. */
  async attend(predecessors: Predecessors, listener: () => void): Promise<void> {
    if (this.#isOpen || !predecessors.canAsk || (await this.read()).state === 'open') return
    await predecessors.watch(listener)
    const status = this.#heard(await predecessors.ask())
    const text = JSON.stringify(status)
    if (status.state === 'open' || text === this.#published) return
    const path = this.#incarnation.at(GATE)
    await this.#incarnation.store.set(path, Buffer.from(text), ANY_VERSION)
    this.#published = text
    await this.#incarnation.notify()
  }
}

/** Why nothing can be leased: for who waits. */
export function missingError({ store }: Incarnation, { urls }: GateStatus): WatchdogError {
  const why = `The queue at ${store.url} comes after ${urls.join(' and ')}, where there is no queue`
  return new WatchdogError('ERR_NOT_FOUND', why)
}

/**
 * Refuses a queue that would have to wait for itself, as far as that can be seen.
 *
 * @param own the canonical URL of the queue to be made
 */
export async function refuseCircle(store: Store, own: string, after: readonly string[]): Promise<void> {
  const seen = new Set<string>()
  const waiting = after.map((url): readonly string[] => [url])
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const url = path.at(-1)!
    if (url === own) {
      const way = [own, ...path].join(' after ')
      throw new TypeError(`Expected option 'after' to lead to no circle, got ${way}`)
    }
    if (seen.has(url)) continue
    seen.add(url)
    for (const next of await predecessorsOf(store, url)) waiting.push([...path, next])
  }
}

/** None where it cannot be seen. */
async function predecessorsOf(store: Store, url: string): Promise<readonly string[]> {
  let other: Store | undefined
  try {
    other = await store.neighbour?.(url)
    const settings = other && (await readRecord(other))?.record.settings
    return isRecord(settings) ? (settings.after ?? []) : []
  } catch {
    return []
  } finally {
    await other?.close()
  }
}
