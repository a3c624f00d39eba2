// The life of a queue: made all at once or not at all (creation.ts), found, added to, sealed, and taken down
// by whoever comes, from wherever the last one was killed (destruction.ts).
//
//   creating --(compare-and-set: the commit)--> open --seal--> sealed      any --destroy--> closing --> gone

import { WatchdogError } from '../../util/errors'
import { abortable, Deadline, Notifier } from '../../util/wait'
import { encodeState } from '../page-state/codec'
import { type EncodedPage, encodePages } from '../page-state/item-page'
import { newState } from '../page-state/page-state'
import { ANY_VERSION, type Store } from '../store/store'
import { EMPTY, encodeRecord, HOLD, Incarnation, randomName } from './incarnation'
import { asIncarnation, isUsable, readRecord } from './queue-record'

interface AttachOptions {
  timerMs?: number
  timeoutMs?: number
  signal?: AbortSignal
}

/** Finds the queue; with a time-out, waits for one that is not there yet. */
export async function attach(store: Store, options: AttachOptions): Promise<Incarnation> {
  options.signal?.throwIfAborted()
  const deadline = new Deadline(options.timeoutMs ?? 0)
  const bell = new Notifier()
  let unwatch: (() => void) | undefined
  try {
    for (;;) {
      await abortable(store.sync(), options.signal)
      const root = await abortable(readRecord(store), options.signal)
      if (root !== undefined && isUsable(root.record.phase)) {
        const run = asIncarnation(store, root.record)
        if (options.timerMs === undefined) return run
        return new Incarnation(store, run.id, run.capability, { ...run.settings, timerMs: options.timerMs })
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

/**
 * Adds items to a queue that is not sealed, page by page. An error says by `maybeApplied` that some are
 * in the queue already.
 */
export async function addItems(
  run: Incarnation,
  items: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<void> {
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

async function addPage(run: Incarnation, name: string, { bytes, size }: EncodedPage): Promise<void> {
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

export async function seal(run: Incarnation): Promise<void> {
  const { store } = run
  for (;;) {
    const root = await readRecord(store)
    if (root?.record.run !== run.id || root.record.phase === 'closing') throw run.closed()
    if (root.record.phase === 'sealed') break
    const record = { ...root.record, phase: 'sealed' as const }
    if ((await store.set('', encodeRecord(record), root.version)).kind === 'set') break
  }
  await store.delete(run.at('open', HOLD), ANY_VERSION)
  await store.delete(run.at('open'), ANY_VERSION)
  await run.ring()
}
