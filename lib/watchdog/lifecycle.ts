// The life of a queue: made all at once or not at all, found, added to, sealed, and taken down by
// whoever comes, from wherever the last one was killed.
//
//   creating --(compare-and-set: the commit)--> open --seal--> sealed      any --destroy--> closing --> gone

import { WatchdogError } from '../errors'
import { abortable, Bell, Deadline } from './bell'
import { type EncodedPage, encodePages } from './page'
import {
  decodeRecord,
  EMPTY,
  encodeRecord,
  FORMAT,
  FORMAT_VERSION,
  HOLD,
  type Phase,
  type RootRecord,
  Run,
  randomName,
  type Settings,
} from './run'
import { newState } from './state'
import { encodeState } from './state-codec'
import { ANY_VERSION, type Store } from './store'

const CAPABILITY_BYTES = 16
const CAPABILITY = /^[0-9a-f]{32}$/
const CREATING = 'creating-'
/** How long a root without a sign of its creator is given before it counts as abandoned. */
const GRACE_MS = 500
/** How long a slow creator is waited for, once its queue was told to close. */
const CREATOR_MS = 60_000

interface Root {
  readonly record: RootRecord
  readonly version: number
}

/** The root's record; undefined where no node is there. Throws where the node is not ours. */
async function readRoot(store: Store): Promise<Root | undefined> {
  const node = await store.get('')
  if (node === undefined) return undefined
  const record = decodeRecord(node.data, store.url)
  if (record === undefined) {
    throw new WatchdogError(
      'ERR_UNSUPPORTED',
      `What is at ${store.url} is not a queue of rollcall; it is left alone`,
    )
  }
  return { record, version: node.version }
}

function asRun(store: Store, record: RootRecord): Run {
  return new Run(store, record.run, record.capability!, record.settings!)
}

function isUsable(phase: Phase): boolean {
  return phase === 'open' || phase === 'sealed'
}

export interface AttachOptions {
  timerMs?: number
  timeoutMs?: number
  signal?: AbortSignal
}

/** Finds the queue; with a time-out, waits for one that is not there yet. */
export async function attach(store: Store, options: AttachOptions): Promise<Run> {
  options.signal?.throwIfAborted()
  const deadline = new Deadline(options.timeoutMs ?? 0)
  const bell = new Bell()
  let unwatch: (() => void) | undefined
  try {
    for (;;) {
      await abortable(store.sync(), options.signal)
      const root = await abortable(readRoot(store), options.signal)
      if (root !== undefined && isUsable(root.record.phase)) {
        const run = asRun(store, root.record)
        if (options.timerMs === undefined) return run
        return new Run(store, run.id, run.capability, { ...run.settings, timerMs: options.timerMs })
      }
      if (deadline.over) {
        const why = root === undefined ? 'There is no queue' : `The queue is ${root.record.phase}`
        const waited = options.timeoutMs ? `, after ${options.timeoutMs} ms` : ''
        throw new WatchdogError('ERR_NOT_FOUND', `${why} at ${store.url}${waited}`)
      }
      if (unwatch === undefined) unwatch = await store.watch('', 'data', bell.ring)
      else await bell.wait(deadline.left, options.signal)
    }
  } finally {
    unwatch?.()
  }
}

export interface CreateRequest {
  settings: Settings
  items: Iterable<unknown> | AsyncIterable<unknown>
  syncStart: boolean
  sealed: boolean
  ifExists: 'error' | 'attach' | 'replace'
}

function existsError(store: Store, why: string): WatchdogError {
  return new WatchdogError(
    'ERR_EXISTS',
    `${why} at ${store.url}. Destroy it first, or use option 'ifExists': 'attach' or 'replace'`,
    { retryable: false },
  )
}

/** Makes the queue. Returns the run, which is an older one only for `ifExists: 'attach'`. */
export async function create(store: Store, request: CreateRequest): Promise<Run> {
  const id = randomName(8)
  const record: RootRecord = { format: FORMAT, version: FORMAT_VERSION, run: id, phase: 'creating' }
  for (;;) {
    const made = await store.create('', encodeRecord(record))
    if (made === 'created') break
    if (made === 'orphan') await store.createParents()
    else {
      const existing = await makeWay(store, request.ifExists)
      if (existing !== undefined) return existing
    }
  }
  return build(store, record, request)
}

/** Deals with a root that is there: returns it for `'attach'`, throws for `'error'`, or clears it away. */
async function makeWay(store: Store, ifExists: CreateRequest['ifExists']): Promise<Run | undefined> {
  await store.sync()
  let root: Root | undefined
  try {
    root = await readRoot(store)
  } catch (error) {
    if ((error as WatchdogError).code !== 'ERR_UNSUPPORTED') throw error
    throw new WatchdogError('ERR_EXISTS', (error as Error).message, { cause: error, retryable: false })
  }
  if (root === undefined) return undefined
  const { record } = root
  if (isUsable(record.phase)) {
    if (ifExists === 'attach') return asRun(store, record)
    if (ifExists === 'error') throw existsError(store, 'There is a queue')
  } else if (record.phase === 'creating' && (await creatorLives(store, record))) {
    if (ifExists === 'error') throw existsError(store, 'A queue is being created')
    if (ifExists === 'attach') {
      await creationEnds(store, record)
      return undefined
    }
  }
  await destroy(store, record.run)
  return undefined
}

/**
 * Looks at the root now and after each change of it or of the names below it, until `isOver` says so or
 * the time is over. Says which.
 */
async function watchRoot(store: Store, ms: number, isOver: () => Promise<boolean>): Promise<boolean> {
  const deadline = new Deadline(ms)
  const bell = new Bell()
  const stops: (() => void)[] = []
  try {
    for (const kind of ['data', 'children'] as const) stops.push(await store.watch('', kind, bell.ring))
    for (;;) {
      if (await isOver()) return true
      if (deadline.over) return false
      await bell.wait(deadline.left)
    }
  } finally {
    for (const stop of stops) stop()
  }
}

/** Whether that creation has come to its end, or another root is in its place. */
async function isCreated(store: Store, { run }: RootRecord): Promise<boolean> {
  const now = await readRoot(store)
  return now === undefined || now.record.run !== run || now.record.phase !== 'creating'
}

/** Whether somebody is at work on a root in phase `creating`, whose creator may not have said so yet. */
async function creatorLives(store: Store, record: RootRecord): Promise<boolean> {
  return watchRoot(store, GRACE_MS, async () => {
    if ((await store.info(CREATING + record.run)) !== undefined) return true
    return isCreated(store, record)
  })
}

/** Resolves when a creation has come to its end, or its creator has died. */
async function creationEnds(store: Store, record: RootRecord): Promise<void> {
  await watchRoot(store, CREATOR_MS, async () => {
    if (await isCreated(store, record)) return true
    return (await store.info(CREATING + record.run)) === undefined
  })
}

async function build(store: Store, record: RootRecord, request: CreateRequest): Promise<Run> {
  const run = new Run(store, record.run, randomName(CAPABILITY_BYTES), request.settings)
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
    if ((await readRoot(store))?.record.run !== record.run) throw overtaken()
    await make(run.capability)
    const folders = ['timers', 'members', 'pages', 'states', 'dead', 'signal', 'clock']
    if (request.syncStart) folders.push('sync')
    await Promise.all(folders.map((name) => make(run.at(name))))
    await writePages(run, request, make)
    const phase = request.sealed ? 'sealed' : 'open'
    const committed: RootRecord = { ...record, phase, capability: run.capability, settings: run.settings }
    if (session.lost)
      throw new WatchdogError('ERR_SESSION_LOST', `The session ended while ${store.url} was being made`)
    const outcome = await store.set('', encodeRecord(committed), 0, { sameSession: true })
    if (outcome.kind !== 'set') {
      if (outcome.maybeApplied) await run.assertThere()
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
  return run
}

/** Takes down a creation of ours that failed, unless somebody has taken it over. */
async function removeOwn(store: Store, record: RootRecord): Promise<void> {
  await store.delete(CREATING + record.run, ANY_VERSION)
  const root = await readRoot(store)
  if (root?.record.run === record.run && !isUsable(root.record.phase)) await destroy(store, record.run)
}

async function writePages(
  run: Run,
  request: CreateRequest,
  make: (path: string, data?: Buffer) => Promise<void>,
) {
  let openMade: Promise<void> | undefined
  const open = () => (openMade ??= make(run.at('open')))
  if (!request.sealed) {
    await open()
    await make(run.at('open', HOLD))
  }
  const pending = new Set<Promise<unknown>>()
  let number = 0
  for await (const page of encodePages(request.items)) {
    const name = `p${String(number++).padStart(5, '0')}`
    await open()
    const writing = Promise.all([
      make(run.at('pages', name), page.bytes),
      make(run.at('states', name), encodeState(newState(page.size))),
      make(run.at('open', name)),
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

/**
 * Adds items to a queue that is not sealed, page by page. An error says by `maybeApplied` that some are
 * in the queue already.
 */
export async function addItems(run: Run, items: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
  const { store } = run
  if ((await run.assertThere()).phase !== 'open') throw sealed(store)
  const prefix = `a${randomName(6)}`
  let number = 0
  try {
    for await (const page of encodePages(items)) {
      const name = `${prefix}${String(number).padStart(5, '0')}`
      await addPage(run, name, page)
      number++
    }
  } catch (error) {
    throw number === 0 ? error : partlyApplied(error)
  }
  await run.ring().catch((error) => {
    throw partlyApplied(error)
  })
}

async function addPage(run: Run, name: string, { bytes, size }: EncodedPage): Promise<void> {
  const { store } = run
  if ((await store.create(run.at('pages', name), bytes)) === 'orphan') throw run.closed()
  // The commit: from here on the items belong to the queue, whoever meets the marker makes the state.
  if ((await store.create(run.at('open', name), EMPTY)) === 'orphan') {
    await run.assertThere()
    await store.delete(run.at('pages', name), ANY_VERSION)
    throw sealed(store)
  }
  await store.create(run.at('states', name), encodeState(newState(size))).catch((error) => {
    throw partlyApplied(error)
  })
}

function sealed(store: Store): WatchdogError {
  const why = `The queue at ${store.url} is sealed; create it with option 'sealed': false`
  return new WatchdogError('ERR_SEALED', why)
}

/** The same error, which tells that part of what was asked for has happened. */
function partlyApplied(error: unknown): unknown {
  if (!(error instanceof WatchdogError)) return error
  const { code, message, cause, path, retryable } = error
  return new WatchdogError(code, message, { cause: cause ?? error, path, retryable, maybeApplied: true })
}

export async function seal(run: Run): Promise<void> {
  const { store } = run
  for (;;) {
    const root = await readRoot(store)
    if (root?.record.run !== run.id || root.record.phase === 'closing') throw run.closed()
    if (root.record.phase === 'sealed') break
    const record = { ...root.record, phase: 'sealed' as const }
    if ((await store.set('', encodeRecord(record), root.version)).kind === 'set') break
  }
  await store.delete(run.at('open', HOLD), ANY_VERSION)
  await store.delete(run.at('open'), ANY_VERSION)
  await run.ring()
}

/**
 * Takes a queue down: closed first, then the leaves, the root last. Resumes what another began.
 *
 * @param run only that one: what has taken its place is left alone, and that it is gone is fine
 */
export async function destroy(store: Store, run?: string): Promise<void> {
  await store.sync()
  let root = await readRoot(store)
  if (run !== undefined && root?.record.run !== run) return
  if (root === undefined) throw new WatchdogError('ERR_NOT_FOUND', `There is no queue at ${store.url}`)
  while (root.record.phase !== 'closing') {
    // Fails the commit of a creator that is still at work, and every later change.
    const record: RootRecord = { ...root.record, phase: 'closing' }
    await store.set('', encodeRecord(record), root.version)
    const now: Root | undefined = await readRoot(store)
    if (now === undefined || now.record.run !== root.record.run) return
    root = now
  }
  const doomed = root.record.run
  if (await removeRoot(store, doomed)) return
  const isGone = await watchRoot(store, CREATOR_MS, () => removeRoot(store, doomed))
  if (!isGone) {
    throw new WatchdogError(
      'ERR_TIMEOUT',
      `The creator of ${store.url} neither ends nor gives up; try again later`,
    )
  }
}

/** Removes the root of a run that is closing, with all that is ours below it; false while a creator holds on to it. */
async function removeRoot(store: Store, run: string): Promise<boolean> {
  for (;;) {
    const names = (await store.list('')) ?? []
    // In this order: then the names are of this run.
    const root = await readRoot(store)
    if (root?.record.run !== run) return true
    for (const name of names) if (CAPABILITY.test(name)) await store.deleteTree(name)
    // A creator that is still at work finds its folder gone and gives up; a dead one's node goes with its session.
    if (names.some((name) => name.startsWith(CREATING))) return false
    // Another run's root has not been written as often.
    const outcome = await store.delete('', root.version)
    if (outcome === 'deleted' || outcome === 'missing') return true
    if (outcome === 'conflict') continue
    const foreign = names.filter((name) => !CAPABILITY.test(name))
    if (foreign.length > 0) {
      throw new WatchdogError(
        'ERR_UNSUPPORTED',
        `The queue is gone, but its root ${store.url} stays: it has children that are not ours (${foreign.join(', ')})`,
      )
    }
  }
}
