// Making a queue: visible all at once, by the compare-and-set of its root, or not at all.

import { EMPTY } from '../../util/bytes'
import { WatchdogError } from '../../util/errors'
import { randomName } from '../../util/random-name'
import { encodeState } from '../page-state/codec'
import { encodePages } from '../page-state/item-page'
import { pageName } from '../page-state/page-name'
import { newState } from '../page-state/page-state'
import type { Settings } from '../store/settings'
import { ANY_VERSION, type Store } from '../store/store'
import { destroy } from './destroy'
import { GATE } from './gate'
import { HOLD, Incarnation, incarnationOf } from './incarnation'
import { encodeList, extendList, ListMeter, listPath, type Purpose } from './list'
import {
  CREATING,
  CREATOR_MS,
  encodeRecord,
  FORMAT,
  FORMAT_VERSION,
  isUsable,
  NEWEST_VERSION,
  type QueueRecord,
  readRecord,
  type StoredRecord,
  usesNewFeatures,
  watchRecord,
} from './queue-record'
import { encodeTotals } from './totals'

const CAPABILITY_BYTES = 16
/** How long a root without a sign of its creator is given before it counts as abandoned. */
const GRACE_MS = 500

export interface CreateRequest {
  settings: Settings
  items: Iterable<unknown> | AsyncIterable<unknown>
  syncStart: boolean
  sealed: boolean
  ifExists: 'error' | 'attach' | 'replace' | 'extend'
  purpose?: Purpose
  /** Of the items. */
  traits: { readonly priority: number; readonly delayMs: number }
}

function existsError(store: Store, why: string): WatchdogError {
  return new WatchdogError(
    'ERR_EXISTS',
    `${why} at ${store.url}. Destroy it first, or use option 'ifExists': 'attach' or 'replace'`,
    { retryable: false },
  )
}

/** As old as it may be, so that workers of the version before may share the queue. */
function versionOf({ settings, traits, sealed }: CreateRequest): number {
  // Pages that items are added to may grow.
  const isNew = usesNewFeatures(settings) || traits.priority > 0 || traits.delayMs > 0 || !sealed
  return isNew ? NEWEST_VERSION : FORMAT_VERSION
}

/** Makes the queue. Returns the incarnation, which is an older one only for `ifExists: 'attach'` and `'extend'`. */
export async function create(store: Store, request: CreateRequest): Promise<Incarnation> {
  const id = randomName(8)
  const record: QueueRecord = { format: FORMAT, version: versionOf(request), run: id, phase: 'creating' }
  for (;;) {
    const made = await store.create('', encodeRecord(record))
    if (made === 'created') break
    if (made === 'orphan') await store.createParents()
    else {
      const existing = await makeWay(store, request.ifExists)
      if (existing === undefined) continue
      if (request.ifExists === 'extend') await extendList(existing, request.items, request.purpose)
      return existing
    }
  }
  return build(store, record, request)
}

/** Deals with a root that is there: returns it for `'attach'`, throws for `'error'`, or clears it away. */
async function makeWay(store: Store, ifExists: CreateRequest['ifExists']): Promise<Incarnation | undefined> {
  await store.sync()
  let stored: StoredRecord | undefined
  try {
    stored = await readRecord(store)
  } catch (error) {
    if ((error as WatchdogError).code !== 'ERR_UNSUPPORTED') throw error
    throw new WatchdogError('ERR_EXISTS', (error as Error).message, { cause: error, retryable: false })
  }
  if (stored === undefined) return undefined
  const { record } = stored
  if (isUsable(record.phase)) {
    if (ifExists === 'attach' || ifExists === 'extend') return incarnationOf(store, record)
    if (ifExists === 'error') throw existsError(store, 'There is a queue')
  } else if (record.phase === 'creating' && (await creatorLives(store, record))) {
    if (ifExists === 'error') throw existsError(store, 'A queue is being created')
    if (ifExists === 'attach' || ifExists === 'extend') {
      await creationEnds(store, record)
      return undefined
    }
  }
  await destroy(store, record.run)
  return undefined
}

/** Whether that creation has come to its end, or another record is in its place. */
async function isCreated(store: Store, { run: id }: QueueRecord): Promise<boolean> {
  const now = await readRecord(store)
  return now === undefined || now.record.run !== id || now.record.phase !== 'creating'
}

/** Whether somebody is at work on a root in phase `creating`, whose creator may not have said so yet. */
async function creatorLives(store: Store, record: QueueRecord): Promise<boolean> {
  return watchRecord(store, GRACE_MS, async () => {
    if ((await store.info(CREATING + record.run)) !== undefined) return true
    return isCreated(store, record)
  })
}

/** Resolves when a creation has come to its end, or its creator has died. */
async function creationEnds(store: Store, record: QueueRecord): Promise<void> {
  await watchRecord(store, CREATOR_MS, async () => {
    if (await isCreated(store, record)) return true
    return (await store.info(CREATING + record.run)) === undefined
  })
}

async function build(store: Store, record: QueueRecord, request: CreateRequest): Promise<Incarnation> {
  const incarnation = new Incarnation(store, record.run, randomName(CAPABILITY_BYTES), request.settings)
  const overtaken = () => existsError(store, 'Another creator was faster: there is a queue')
  const make = async (path: string, data: Buffer = EMPTY) => {
    if ((await store.create(path, data)) === 'orphan') throw overtaken()
  }
  const session = { lost: false }
  const forget = store.onEvent((event) => {
    session.lost ||= event === 'lost'
  })
  try {
    // While this node is there, nobody removes the root; so from the check on, version 0 of it is ours.
    if ((await store.create(CREATING + record.run, EMPTY, { ephemeral: true })) === 'orphan')
      throw overtaken()
    if ((await readRecord(store))?.record.run !== record.run) throw overtaken()
    await make(incarnation.capability)
    const folders = ['timers', 'members', 'pages', 'states', 'dead', 'signal', 'clock']
    if (request.syncStart) folders.push('sync')
    if (request.settings.results) folders.push('results')
    if (request.settings.after !== undefined) folders.push(GATE)
    await Promise.all(folders.map((name) => make(incarnation.at(name))))
    const meter = request.ifExists === 'extend' ? new ListMeter() : undefined
    if (incarnation.forgetsDone)
      await make(incarnation.at('totals'), encodeTotals({ done: 0, failed: 0, leaving: [] }))
    const items = meter?.measure(request.items) ?? request.items
    await writePages(incarnation, { ...request, items }, make)
    if (meter !== undefined) await make(listPath(incarnation), encodeList(meter, request.purpose?.text))
    const phase = request.sealed ? 'sealed' : 'open'
    const committed: QueueRecord = {
      ...record,
      phase,
      capability: incarnation.capability,
      settings: incarnation.settings,
    }
    if (session.lost)
      throw new WatchdogError('ERR_SESSION_LOST', `The session ended while ${store.url} was being made`)
    const outcome = await store.set('', encodeRecord(committed), 0, { sameSession: true })
    if (outcome.kind !== 'set') {
      if (outcome.maybeApplied) await incarnation.assertThere()
      else throw overtaken()
    }
  } catch (error) {
    // Half made is not made: what is there of it goes, now or with the next creator.
    await removeOwn(store, record).catch(() => {})
    throw error
  } finally {
    forget()
  }
  await store.delete(CREATING + record.run, ANY_VERSION)
  return incarnation
}

/** Takes down a creation of ours that failed, unless somebody has taken it over. */
async function removeOwn(store: Store, record: QueueRecord): Promise<void> {
  await store.delete(CREATING + record.run, ANY_VERSION)
  const stored = await readRecord(store)
  if (stored?.record.run === record.run && !isUsable(stored.record.phase)) await destroy(store, record.run)
}

async function writePages(
  incarnation: Incarnation,
  request: Pick<CreateRequest, 'items' | 'sealed' | 'traits'>,
  make: (path: string, data?: Buffer) => Promise<void>,
) {
  let openMade: Promise<void> | undefined
  const open = () => (openMade ??= make(incarnation.at('open')))
  if (!request.sealed) {
    await open()
    await make(incarnation.at('open', HOLD))
  }
  const pending = new Set<Promise<unknown>>()
  let number = 0
  const { priority, delayMs } = request.traits
  const until = delayMs > 0 ? Math.ceil((await incarnation.clock.atMost()) + delayMs) : undefined
  for await (const page of encodePages(request.items)) {
    const name = pageName(`p${String(number++).padStart(5, '0')}`, { priority, until })
    await open()
    const writing = Promise.all([
      make(incarnation.at('pages', name), page.bytes),
      make(incarnation.at('states', name), encodeState(newState(page.size, until))),
      make(incarnation.at('open', name)),
    ])
    pending.add(writing)
    writing.then(
      () => pending.delete(writing),
      () => {},
    )
    if (pending.size >= 8) await Promise.race(pending)
    else await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(pending)
}
