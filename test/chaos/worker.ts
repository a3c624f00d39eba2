// A worker of a round: leases items one by one or as a stream, and acks most of them.

import { setTimeout as delay } from 'node:timers/promises'
import type { Lease, WatchdogError, WatchdogTimer } from '../../lib'
import { monotonicMs } from './history'
import { codeOf, play, type Role, random } from './role'

const WORK_MS = 20
/** Of workers that keep their event loop from turning: to them several items are leased at once, whatever they ask for. */
const SHORT_WORK_MS = 3
/** How many leases of a stream are worked on together, at most, so that their acks share writes. */
const TOGETHER = 50
/** In percent of the items. */
const NACKED = 3
const RELEASED = 3
const LONGEST_DELAY_MS = 400

async function settle(
  lease: Lease<string>,
  { timer, isEager }: { timer: string; isEager: boolean },
  { history, keepsResults }: Role,
): Promise<void> {
  const fence = lease.fence.toString()
  const { item } = lease
  if (isEager) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, random(SHORT_WORK_MS))
  else await delay(random(WORK_MS))
  const chance = random(100)
  try {
    if (chance < NACKED) {
      const delayMs = random(2) * random(LONGEST_DELAY_MS)
      history.write({ op: 'nacking', timer, item, fence, delayMs })
      await lease.nack(new Error('chaos'), { delayMs })
      history.write({ op: 'gave-back', timer, item, how: 'nack' })
    } else if (chance < NACKED + RELEASED) {
      await lease.release()
      history.write({ op: 'gave-back', timer, item, how: 'release' })
    } else {
      history.write({ op: 'acking', timer, item, fence })
      await (keepsResults ? lease.ack(`${item} ${fence} ${timer}`) : lease.ack())
      history.write({ op: 'acked', timer, item, fence })
    }
  } catch (error) {
    if (codeOf(error) === 'ERR_LEASE_LOST' && !(error as WatchdogError).maybeApplied)
      history.write({ op: 'lost', timer, item, fence })
    else throw error
  }
}

interface Asked {
  lease: Lease<string>
  /** Nothing of this lease had happened before. */
  askedAt: number
}

/** By one call for each item. */
async function* singly(
  timer: WatchdogTimer<string>,
  isDone: () => Promise<boolean>,
): AsyncIterableIterator<Asked> {
  for (;;) {
    const askedAt = monotonicMs()
    const lease = await timer.lease({ waitMs: 500 })
    if (lease !== undefined) yield { lease, askedAt }
    else if (await isDone()) return
  }
}

/** A stream prefetches: all that is known is when it began. */
async function* streamed(timer: WatchdogTimer<string>, signal: AbortSignal): AsyncIterableIterator<Asked> {
  const askedAt = monotonicMs()
  for await (const lease of timer.leases({ signal })) yield { lease, askedAt }
}

/** Settles all of them, whatever becomes of some; then throws what went wrong first. */
async function settled(settling: Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(settling.splice(0))
  const failure = outcomes.find((one) => one.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

play(async (queue, role, number) => {
  const { history } = role
  const id = `${role.name}.${number}`
  await queue.attachQueue()
  const timer = await queue.createTimer(id)
  history.write({ op: 'timer', timer: id, pid: process.pid })
  const kicking = setInterval(() => timer.kick().catch(() => {}), 200)
  // With a sealed queue only: one that may still grow is not done.
  const isDone = async () => {
    const { total, done, dead } = await queue.counts()
    return role.stopped() && total === done + dead
  }
  const isStreamed = random(2) === 0
  const isEager = !isStreamed && random(2) === 0
  const together = isStreamed && random(2) === 0 ? TOGETHER : 1
  const settling: Promise<void>[] = []
  const broken = new AbortController()
  try {
    const asked = isStreamed ? streamed(timer, broken.signal) : singly(timer, isDone)
    for await (const { lease, askedAt } of asked) {
      const { item, attempt, fence } = lease
      history.write({ op: 'leased', timer: id, item, attempt, fence: fence.toString(), askedAt })
      const work = settle(lease, { timer: id, isEager }, role)
      // A stream that waits for more meanwhile would wait for this item, too.
      work.catch((error) => broken.abort(error))
      settling.push(work)
      if (settling.length >= together) await settled(settling)
    }
    await settled(settling)
    await timer.end()
    history.write({ op: 'ended', timer: id })
  } catch (error) {
    await Promise.allSettled(settling)
    history.write({ op: 'abandoned', timer: id })
    throw error
  } finally {
    clearInterval(kicking)
  }
})
