// What the database's own errors mean to a user of the queue.

import { statfsSync } from 'node:fs'
import { WatchdogError } from '../../../util/errors'

/** Whether another process holds the database right now. */
export function isDatabaseBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(String((error as { code?: string }).code))
}

/** What the database's own errors mean to a user of the queue. */
export function databaseError(cause: unknown, doing: string, path: string): unknown {
  const { code = '', message } = cause as { code?: string; message: string }
  const fail = (ours: ConstructorParameters<typeof WatchdogError>[0], why: string, maybeApplied = false) =>
    new WatchdogError(ours, `Cannot ${doing} ${path}: ${why}`, { cause, path, maybeApplied })
  if (cause instanceof WatchdogError || !(cause instanceof Error)) return cause
  if (code === 'SQLITE_FULL') return fail('ERR_NO_SPACE', 'the disk is full')
  if (code.startsWith('SQLITE_READONLY')) return fail('ERR_READ_ONLY', 'it may only be read')
  if (/^SQLITE_(PERM|AUTH)/.test(code)) return fail('ERR_AUTH', message)
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return fail('ERR_CORRUPT', message)
  if (code.startsWith('SQLITE_IOERR')) return ioError(cause, doing, path)
  if (code.startsWith('SQLITE') || message.startsWith('ConnectionFailed')) return fail('ERR_SYSTEM', message)
  return cause
}

/** An input or output error; most often there is no room for the files beside the database. */
function ioError(cause: Error, doing: string, path: string): WatchdogError {
  const details = { cause, path, maybeApplied: true }
  try {
    const { bavail } = statfsSync(path)
    if (bavail === 0)
      return new WatchdogError('ERR_NO_SPACE', `Cannot ${doing} ${path}: the disk is full`, details)
  } catch {
    // The error below says enough.
  }
  return new WatchdogError('ERR_SYSTEM', `Cannot ${doing} ${path}: ${cause.message}`, details)
}

/** Whether SQLite said it, and not this library. */
export function isDatabaseError(error: unknown): boolean {
  return String((error as { code?: string }).code).startsWith('SQLITE')
}
