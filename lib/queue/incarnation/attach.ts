// The life of a queue: made all at once or not at all (create.ts), found, sealed, added to
// (items/adder.ts), and taken down by whoever comes, from wherever the last one was killed (destroy.ts).
//
//   creating --(compare-and-set: the commit)--> open --seal--> sealed      any --destroy--> closing --> gone

import { WatchdogError } from '../../util/errors'
import { abortable, Deadline, Notifier } from '../../util/wait'
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
