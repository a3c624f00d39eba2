// Taking a queue down, from wherever an earlier try was killed.

import { isCapability } from '../../util/bounds'
import { WatchdogError } from '../../util/errors'
import type { Store } from '../store/store'
import {
  CREATING,
  CREATOR_MS,
  encodeRecord,
  type QueueRecord,
  readRecord,
  type StoredRecord,
  watchRecord,
} from './queue-record'

/**
 * Takes a queue down: closed first, then the leaves, the root last. Resumes what another began.
 *
 * @param id only that incarnation: what has taken its place is left alone, and that it is gone is fine
 */
export async function destroy(store: Store, id?: string): Promise<void> {
  await store.sync()
  let stored = await readRecord(store)
  if (id !== undefined && stored?.record.run !== id) return
  if (stored === undefined) throw new WatchdogError('ERR_NOT_FOUND', `There is no queue at ${store.url}`)
  while (stored.record.phase !== 'closing') {
    // Fails the commit of a creator that is still at work, and every later change.
    const record: QueueRecord = { ...stored.record, phase: 'closing' }
    await store.set('', encodeRecord(record), stored.version)
    const now: StoredRecord | undefined = await readRecord(store)
    if (now === undefined || now.record.run !== stored.record.run) return
    stored = now
  }
  const doomed = stored.record.run
  if (await removeRoot(store, doomed)) return
  const isGone = await watchRecord(store, CREATOR_MS, () => removeRoot(store, doomed))
  if (!isGone) {
    throw new WatchdogError(
      'ERR_TIMEOUT',
      `The creator of ${store.url} neither ends nor gives up; try again later`,
    )
  }
}

/** Removes the root of an incarnation that is closing, with all that is ours below it; false while a creator holds on to it. */
async function removeRoot(store: Store, id: string): Promise<boolean> {
  for (;;) {
    const names = (await store.list('')) ?? []
    // In this order: then the names are of this incarnation.
    const stored = await readRecord(store)
    if (stored?.record.run !== id) return true
    for (const name of names) if (isCapability(name)) await store.deleteTree(name)
    // A creator that is still at work finds its folder gone and gives up; a dead one's node goes with its session.
    if (names.some((name) => name.startsWith(CREATING))) return false
    // Another incarnation's root has not been written as often.
    const outcome = await store.delete('', stored.version)
    if (outcome === 'deleted' || outcome === 'missing') return true
    if (outcome === 'conflict') continue
    const foreign = names.filter((name) => !isCapability(name))
    if (foreign.length > 0) {
      throw new WatchdogError(
        'ERR_UNSUPPORTED',
        `The queue is gone, but its root ${store.url} stays: it has children that are not ours (${foreign.join(', ')})`,
      )
    }
  }
}
