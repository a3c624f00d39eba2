// The root of a queue, whose record says which phase of its life it is in (see run.ts).

import { WatchdogError } from '../../util/errors'
import { Deadline, Notifier } from '../../util/wait'
import type { Store } from '../store/store'
import { decodeRecord, Incarnation, type Phase, type QueueRecord } from './incarnation'

/** With the run behind it, an ephemeral name below the root: who makes that run is at work. */
export const CREATING = 'creating-'
/** How long a slow creator is waited for, in milliseconds. */
export const CREATOR_MS = 60_000

export interface StoredRecord {
  readonly record: QueueRecord
  readonly version: number
}

/** The root's record; undefined where no node is there. Throws where the node is not ours. */
export async function readRecord(store: Store): Promise<StoredRecord | undefined> {
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

export function asIncarnation(store: Store, record: QueueRecord): Incarnation {
  return new Incarnation(store, record.run, record.capability!, record.settings!)
}

export function isUsable(phase: Phase): boolean {
  return phase === 'open' || phase === 'sealed'
}

/**
 * Looks at the root now and after each change of it or of the names below it, until `isOver` says so or
 * the time is over. Says which.
 */
export async function watchRecord(
  store: Store,
  ms: number,
  isOver: () => Promise<boolean>,
): Promise<boolean> {
  const deadline = new Deadline(ms)
  const bell = new Notifier()
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
