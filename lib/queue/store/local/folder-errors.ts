// What errors of the board and of the file system mean to a user of what is kept there.

import { errnoName } from '../../../util/errno'
import {
  ScoreboardError,
  type ScoreboardErrorCode,
  WatchdogError,
  type WatchdogErrorCode,
} from '../../../util/errors'
import { pathHint } from '../../../util/path-trouble'

const OF_BOARD: Partial<Record<ScoreboardErrorCode, WatchdogErrorCode>> = {
  ERR_NO_SPACE: 'ERR_NO_SPACE',
  ERR_OVERFLOW_WRITE: 'ERR_NO_SPACE',
  ERR_BOARD_FULL: 'ERR_NO_SPACE',
  ERR_READ_ONLY: 'ERR_READ_ONLY',
  ERR_INSECURE_PATH: 'ERR_AUTH',
  ERR_UNSUPPORTED_FS: 'ERR_UNSUPPORTED',
  ERR_LOCKS_UNSUPPORTED: 'ERR_UNSUPPORTED',
  ERR_VERSION: 'ERR_VERSION',
  ERR_GEOMETRY_MISMATCH: 'ERR_VERSION',
  ERR_NOT_A_BOARD: 'ERR_CORRUPT',
  ERR_CORRUPT_HEADER: 'ERR_CORRUPT',
  ERR_ENDIAN: 'ERR_CORRUPT',
  ERR_BUSY: 'ERR_TIMEOUT',
  ERR_BOARD_REPLACED: 'ERR_CLOSED',
  ERR_CLOSED: 'ERR_CLOSED',
}

const OF_ERRNO: Record<string, WatchdogErrorCode> = {
  EACCES: 'ERR_AUTH',
  EPERM: 'ERR_AUTH',
  EROFS: 'ERR_READ_ONLY',
  ENOSPC: 'ERR_NO_SPACE',
  EDQUOT: 'ERR_NO_SPACE',
  ENOTDIR: 'ERR_UNSUPPORTED',
}

/** What an error of the board or of the file system means to a user of the queue. */
export function folderError(cause: unknown, url: string): unknown {
  if (cause instanceof ScoreboardError && cause.code === 'ERR_UNSUPPORTED_FS') {
    const why =
      'it lies on a network file system, where shared memory and locks do not work; use a local directory, such as one below /run or /var/tmp, or ZooKeeper'
    return new WatchdogError('ERR_UNSUPPORTED', `${url} cannot be used: ${why}`, { cause })
  }
  if (cause instanceof ScoreboardError) {
    // A directory that cannot be made or written to.
    const byErrno = cause.errno === undefined ? undefined : errnoCode(cause.errno)
    const code = OF_BOARD[cause.code] ?? byErrno ?? 'ERR_SYSTEM'
    return new WatchdogError(code, `${url} cannot be used: ${cause.message}`, { cause })
  }
  const { code, path, syscall, message } = cause as NodeJS.ErrnoException
  if (syscall === undefined || code === undefined) return cause
  const hint = path === undefined ? '' : pathHint(code, path)
  const why = `${url} cannot be used: ${message}${hint}`
  return new WatchdogError(OF_ERRNO[code] ?? 'ERR_SYSTEM', why, { cause })
}

function errnoCode(errno: number): WatchdogErrorCode | undefined {
  return OF_ERRNO[errnoName(errno)]
}
