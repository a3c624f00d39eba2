// The master's waits: for the start barrier, for workers to come, for the work to be done. Each
// watches what it waits for, looks after the queue meanwhile, and looks again every sampling period.

import { WatchdogError } from '../../util/errors'
import { abortable, Deadline, Notifier } from '../../util/wait'
import { Gate, missingError } from '../incarnation/gate'
import type { AttachedQueue } from '../members/attached-queue'
import { type Entry, mayHaveDied, report } from '../members/members'
import { periodOf } from '../members/reaper'
import type { WatchKind } from '../store/store'
import { culpritsFirst, troubled } from '../timer-report'
import type { DoneReport, TimerInfo, WaitOptions } from '../types'
import { countItems } from './looking'

/** A look that is on its way when time runs out is given this long, in milliseconds. */
const LATE_MS = 200

/** Looks until `look` gives something; undefined when time ran out. */
async function until<T>(
  queue: AttachedQueue,
  watched: readonly (readonly [name: string, kind: WatchKind])[],
  options: WaitOptions,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const { incarnation } = queue
  options.signal?.throwIfAborted()
  const deadline = new Deadline(options.timeoutMs)
  const notifier = new Notifier()
  const stops: (() => void)[] = []
  let ended = false
  const release = queue.reaper.hold()
  const work = async () => {
    for (const [name, kind] of watched) {
      const stop = await incarnation.store.watch(incarnation.at(name), kind, notifier.notify)
      stops.push(stop)
      if (ended) stop()
    }
    for (;;) {
      const found = await look()
      if (found !== undefined) return found
      if (deadline.over || ended) return undefined
      await notifier.wait(Math.min(deadline.left, periodOf(incarnation)), options.signal)
    }
  }
  // A server that does not answer must not stretch the time-out.
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    if (options.timeoutMs !== undefined)
      timer = setTimeout(() => resolve(undefined), options.timeoutMs + LATE_MS)
  })
  try {
    const working = work()
    working.catch(() => {})
    return await abortable(Promise.race([working, late]), options.signal)
  } finally {
    clearTimeout(timer)
    ended = true
    notifier.notify()
    for (const stop of stops) stop()
    release()
  }
}

export async function waitSync(queue: AttachedQueue, options: WaitOptions): Promise<boolean> {
  const { incarnation } = queue
  const gone = await until(queue, [['sync', 'gone']], options, async () => {
    if ((await incarnation.store.info(incarnation.at('sync'))) !== undefined) return undefined
    await incarnation.assertThere()
    return true
  })
  return gone ?? false
}

export async function waitStarted(
  queue: AttachedQueue,
  options: WaitOptions & { count: number },
): Promise<boolean> {
  const started = await until(queue, [['members', 'children']], options, async () => {
    const entries = await queue.members.observe()
    return new Set(entries.map(({ id }) => id)).size >= options.count ? true : undefined
  })
  return started ?? false
}

export async function timerInfos(queue: AttachedQueue): Promise<TimerInfo[]> {
  return report(await queue.members.observe(), queue.incarnation.settings.expect)
}

async function doneReport(queue: AttachedQueue, withWorkers: boolean): Promise<DoneReport> {
  const [{ done, dead }, workers] = await Promise.all([countItems(queue), timerInfos(queue)])
  return { ok: dead === 0 && (!withWorkers || troubled(workers).length === 0), done, dead, workers }
}

/** Whether no more verdict about a worker is to be waited for. */
function workersSettled(queue: AttachedQueue, workers: readonly TimerInfo[]): boolean {
  if (workers.some(({ state }) => state === 'alive')) return false
  const { itemless, expect } = queue.incarnation.settings
  if (!itemless) return true
  // Without items the workers are the pieces, so those that are to come are waited for.
  if (expect === undefined) return workers.length > 0
  return workers.every(({ state }) => state !== 'never-started')
}

export async function waitDone(
  queue: AttachedQueue,
  options: WaitOptions & { workers?: boolean },
): Promise<DoneReport> {
  const withWorkers = options.workers ?? false
  const gate = new Gate(queue.incarnation)
  const watched: [string, WatchKind][] = [['open', 'children']]
  if (!gate.isOpen) watched.push(['signal', 'data'])
  if (withWorkers) watched.push(['timers', 'children'], ['members', 'children'])
  const settled = await until(queue, watched, options, async () => {
    if ((await queue.pages.open.list()) !== undefined) {
      const status = await gate.look()
      if (status.state === 'missing') throw missingError(queue.incarnation, status)
      if (status.state !== 'blocked') return undefined
      return { ...(await doneReport(queue, withWorkers)), ok: false, blocked: [...status.urls] }
    }
    if (withWorkers) {
      const entries = await queue.members.observe()
      // What is told as expired has lost its timer, where that is what expiry means; a reaper is at work meanwhile.
      const isTaken = ({ state, version }: Entry) => state !== 'expired' || version === undefined
      if (queue.incarnation.settings.onExpire === 'requeue' && !entries.every(isTaken)) return undefined
      // A worker that died lately looks silent at first; "died" and "hung" are different answers.
      if (entries.some(mayHaveDied)) return undefined
      if (!workersSettled(queue, report(entries, queue.incarnation.settings.expect))) return undefined
    }
    return doneReport(queue, withWorkers)
  })
  if (settled !== undefined) return settled
  const known = await abortable(doneReport(queue, withWorkers), AbortSignal.timeout(1000)).catch(
    () => undefined,
  )
  const what = known === undefined ? 'the server does not answer' : describeReport(known)
  throw new WatchdogError('ERR_TIMEOUT', `The queue was not done after ${options.timeoutMs} ms: ${what}`, {
    report: known,
  })
}

function describeReport({ done, dead, workers }: DoneReport): string {
  const isInTheWay = ({ state }: TimerInfo) => ['expired', 'alive', 'never-started'].includes(state)
  const waiting = culpritsFirst(workers.filter(isInTheWay))
  const names = waiting.slice(0, 5).map(({ id, state }) => `${id} (${state})`)
  const more = waiting.length > names.length ? `, and ${waiting.length - names.length} more` : ''
  return `${done} items done, ${dead} dead; waiting for ${names.length > 0 ? names.join(', ') + more : 'workers'}`
}
