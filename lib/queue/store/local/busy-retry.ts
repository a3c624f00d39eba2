// Waiting for a database that another process holds, with a live event loop; and making sure that
// a program that only ever calls what returns at once leaves the loop its turns.

import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { WatchdogError } from '../../../util/errors'
import { databaseError, isDatabaseBusy } from './database-errors'

/** A holder is usually done within microseconds, so this often it is worth a turn of the loop only. */
const QUICK_TRIES = 30
const LONGEST_PAUSE_MS = 20
/** How long calls may follow each other without the loop having its turn. */
const LONGEST_RUN_MS = 4

let turnedAt = performance.now()

/** Gives the event loop its turn; undefined when it has had one not long ago. */
export function breathe(): Promise<void> | undefined {
  if (performance.now() - turnedAt < LONGEST_RUN_MS) return undefined
  return nextTurn().then(() => {
    turnedAt = performance.now()
  })
}

/** Tries `work` until the database is free; after `limitMs` that is ERR_TIMEOUT. */
export async function retryWhileBusy<T>(
  work: () => T,
  what: { doing: string; path: string; limitMs: number },
): Promise<T> {
  let since: number | undefined
  for (let tries = 0; ; tries++) {
    try {
      return work()
    } catch (error) {
      if (!isDatabaseBusy(error)) throw databaseError(error, what.doing, what.path)
      since ??= performance.now()
      if (performance.now() - since >= what.limitMs) {
        throw new WatchdogError(
          'ERR_TIMEOUT',
          `Cannot ${what.doing} ${what.path}: another process has held it for ${what.limitMs} ms; is one stopped, or the disk stuck?`,
          { cause: error, path: what.path },
        )
      }
    }
    // Of different length for each, so that the waiting ones do not meet again and again.
    if (tries < QUICK_TRIES) await nextTurn()
    else await delay(Math.min(LONGEST_PAUSE_MS, 1 + Math.random() * (tries - QUICK_TRIES)))
    turnedAt = performance.now()
  }
}
