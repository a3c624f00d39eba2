// Making a timer: its node, its member, and a watch that tells when the timer is gone.

import { hostname } from 'node:os'
import { EMPTY } from '../../util/bytes'
import { randomName } from '../../util/random-name'
import type { AttachedQueue } from '../members/attached-queue'
import { encodeMember, type Member } from '../members/member'
import { ANY_VERSION } from '../store/store'
import { WatchdogTimer } from './timer'

const MAX_WID_PREFIX = 60

/** Starts a timer, and removes the start barrier. */
export async function createTimer<Item>(queue: AttachedQueue, id: string): Promise<WatchdogTimer<Item>> {
  const { incarnation } = queue
  const { store } = incarnation
  const wid = `${encodeURIComponent(Buffer.from(id).toString()).slice(0, MAX_WID_PREFIX)}~${randomName(6)}`
  const timer = new WatchdogTimer<Item>(queue, id, wid)
  queue.timers.add(timer)
  try {
    const member: Member = {
      id,
      pid: process.pid,
      host: hostname(),
      startedAt: Date.now(),
      deathDelayMs: store.deathDelayMs,
      status: 'running',
    }
    const make = async (path: string, data: Buffer, options = {}) => {
      if ((await store.create(path, data, options)) === 'orphan') throw incarnation.closed()
    }
    await make(incarnation.at('timers', wid), EMPTY, { ephemeral: true })
    await make(incarnation.at('members', wid), encodeMember(member))
    await watchTimer(queue, timer, incarnation.at('timers', wid))
    await store.delete(incarnation.at('sync'), ANY_VERSION)
    timer.signal.throwIfAborted()
  } catch (error) {
    queue.timers.delete(timer)
    timer.lose(timer.goneError())
    throw error
  }
  return timer
}

/** Tells the timer when its node is gone. */
async function watchTimer<Item>(
  queue: AttachedQueue,
  timer: WatchdogTimer<Item>,
  path: string,
): Promise<void> {
  const { store } = queue.incarnation
  let stop = () => {}
  // A look before the verdict: the watch may have fired for another reason.
  stop = await store.watch(path, 'gone', () => {
    if (!queue.timers.has(timer)) return stop()
    store.info(path).then(
      (info) => {
        if (info !== undefined || !queue.timers.has(timer)) return
        stop()
        queue.timers.delete(timer)
        timer.lose(timer.goneError())
      },
      () => {},
    )
  })
}
