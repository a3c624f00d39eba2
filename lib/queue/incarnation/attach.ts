// The life of a queue: made all at once or not at all (create.ts), found, added to, sealed, and taken down
// by whoever comes, from wherever the last one was killed (destroy.ts).
//
//   creating --(compare-and-set: the commit)--> open --seal--> sealed      any --destroy--> closing --> gone

import { EMPTY } from '../../util/bytes'
import { WatchdogError } from '../../util/errors'
import { randomName } from '../../util/random-name'
import { abortable, Deadline, Notifier } from '../../util/wait'
import { encodeState } from '../page-state/codec'
import { type EncodedPage, encodePages } from '../page-state/item-page'
import { newState } from '../page-state/page-state'
import { ANY_VERSION, type Store } from '../store/store'
import { HOLD, Incarnation, incarnationOf } from './incarnation'
import { encodeRecord, isUsable, readRecord } from './queue-record'

interface AttachOptions {
  timerMs?: number
  timeoutMs?: number
  signal?: AbortSignal
}

/** Finds the queue; with a time-out, waits for one that is not there yet. */
export async function attach(store: Store, options: AttachOptions): Promise<Incarnation> {
  options.signal?.throwIfAborted()
  const deadline = new Deadline(options.timeoutMs ?? 0)
  const notifier = new Notifier()
  let unwatch: (() => void) | undefined
  try {
    for (;;) {
      await abortable(store.sync(), options.signal)
      const stored = await abortable(readRecord(store), options.signal)
      if (stored !== undefined && isUsable(stored.record.phase)) {
        const incarnation = incarnationOf(store, stored.record)
        if (options.timerMs === undefined) return incarnation
        return new Incarnation(store, incarnation.id, incarnation.capability, {
          ...incarnation.settings,
          timerMs: options.timerMs,
        })
      }
      if (deadline.over) {
        const why = stored === undefined ? 'There is no queue' : `The queue is ${stored.record.phase}`
        const waited = options.timeoutMs ? `, after ${options.timeoutMs} ms` : ''
        throw new WatchdogError('ERR_NOT_FOUND', `${why} at ${store.url}${waited}`)
      }
      if (unwatch === undefined) unwatch = await store.watch('', 'data', notifier.notify)
      else await notifier.wait(deadline.left, options.signal)
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
  incarnation: Incarnation,
  items: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<void> {
  const { store } = incarnation
  if ((await incarnation.assertThere()).phase !== 'open') throw sealed(store)
  const prefix = `a${randomName(6)}`
  let number = 0
  try {
    for await (const page of encodePages(items)) {
      const name = `${prefix}${String(number).padStart(5, '0')}`
      await addPage(incarnation, name, page)
      number++
    }
  } catch (error) {
    throw number === 0 ? error : partlyApplied(error)
  }
  await incarnation.notify().catch((error) => {
    throw partlyApplied(error)
  })
}

async function addPage(incarnation: Incarnation, name: string, { bytes, size }: EncodedPage): Promise<void> {
  const { store } = incarnation
  if ((await store.create(incarnation.at('pages', name), bytes)) === 'orphan') throw incarnation.closed()
  // The commit: from here on the items belong to the queue, whoever meets the marker makes the state.
  if ((await store.create(incarnation.at('open', name), EMPTY)) === 'orphan') {
    await incarnation.assertThere()
    await store.delete(incarnation.at('pages', name), ANY_VERSION)
    throw sealed(store)
  }
  await store.create(incarnation.at('states', name), encodeState(newState(size))).catch((error) => {
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

export async function seal(incarnation: Incarnation): Promise<void> {
  const { store } = incarnation
  for (;;) {
    const stored = await readRecord(store)
    if (stored?.record.run !== incarnation.id || stored.record.phase === 'closing') throw incarnation.closed()
    if (stored.record.phase === 'sealed') break
    const record = { ...stored.record, phase: 'sealed' as const }
    if ((await store.set('', encodeRecord(record), stored.version)).kind === 'set') break
  }
  await store.delete(incarnation.at('open', HOLD), ANY_VERSION)
  await store.delete(incarnation.at('open'), ANY_VERSION)
  await incarnation.notify()
}
