// What the addon and the file system answer, turned into errors that say what to do.

import { constants } from 'node:os'
import type { Failure } from '../binding'
import { errnoName } from '../util/errno'
import { ScoreboardError, type ScoreboardErrorCode } from '../util/errors'
import { pathHint } from '../util/path-trouble'
import { statsOf } from '../util/trust'

const CODES: Record<string, [ScoreboardErrorCode, string]> = {
  NOT_A_BOARD: ['ERR_NOT_A_BOARD', 'this file is no board; choose another directory, or remove it'],
  VERSION: [
    'ERR_VERSION',
    'it was made by a version of rollcall that this one does not understand; use that version, or another directory',
  ],
  ENDIAN: ['ERR_ENDIAN', 'it was made on a machine of the other byte order; use another directory'],
  CORRUPT_HEADER: [
    'ERR_CORRUPT_HEADER',
    'its header is damaged; stop the workers that use it, then remove the directory',
  ],
  INSECURE_PATH: [
    'ERR_INSECURE_PATH',
    'it is a symbolic link, which might lead anywhere; name the real directory',
  ],
  UNSUPPORTED_FS: [
    'ERR_UNSUPPORTED_FS',
    'it lies on a network file system, where shared memory and locks do not work; use a local directory such as one below /run or /dev/shm, or set allowAnyFilesystem',
  ],
  LOCKS_UNSUPPORTED: [
    'ERR_LOCKS_UNSUPPORTED',
    'there are no open-file-description locks here (Linux has them since 3.15)',
  ],
  NO_SPACE: [
    'ERR_NO_SPACE',
    'the disk, the quota or the file size limit has no room for it; ask for fewer slots or smaller inlineBytes, or free some space',
  ],
  BUSY: [
    'ERR_BUSY',
    'another process has been claiming or cleaning for two seconds; it may be stopped in the middle of it',
  ],
  REPLACED: [
    'ERR_BOARD_REPLACED',
    'the board was deleted or replaced while it was in use; call reopen(), or close this handle and open a new one',
  ],
  CLOSED: ['ERR_CLOSED', 'this handle is closed'],
}

/**
 * The error for a call into the addon that failed. `attempt` reads like "Cannot open /run/app/board".
 *
 * @param file what the call was about, where it was about one
 */
export function scoreboardError(attempt: string, failure: Failure, file?: string): ScoreboardError {
  const known = CODES[isFull(failure.errno) ? 'NO_SPACE' : failure.code]
  const system = failure.errno === undefined ? undefined : `${failure.syscall}: ${systemError(failure.errno)}`
  if (!known) {
    const why = `${system ?? failure.code}${hintFor(failure.errno, file)}`
    return new ScoreboardError('ERR_SYSTEM', `${attempt}: ${why}`, failure)
  }
  const [code, remedy] = known
  const why = system === undefined ? remedy : `${remedy} (${system})`
  return new ScoreboardError(code, `${attempt}: ${why}`, failure)
}

/** The error for a call of `node:fs` that failed. */
export function fileSystemError(attempt: string, cause: unknown, file: string): ScoreboardError {
  const { syscall, errno, message } = cause as NodeJS.ErrnoException
  return new ScoreboardError(
    isFull(errno) ? 'ERR_NO_SPACE' : 'ERR_SYSTEM',
    `${attempt}: ${message}${hintFor(errno, file)}`,
    {
      cause,
      syscall,
      errno: errno === undefined ? undefined : Math.abs(errno),
    },
  )
}

/** Whatever the call was, and whether or not the addon has a word for it. */
function isFull(errno: number | undefined): boolean {
  const { ENOSPC, EDQUOT, EFBIG } = constants.errno
  return errno !== undefined && [ENOSPC, EDQUOT, EFBIG].includes(Math.abs(errno))
}

/** What there is to say beside the name of the error. */
function hintFor(errno: number | undefined, file?: string): string {
  if (errno === undefined) return ''
  if (Math.abs(errno) !== constants.errno.EROFS) return pathHint(systemError(Math.abs(errno)), file ?? '/')
  const isThere = file !== undefined && statsOf(file) !== undefined
  return `; it is mounted for reading only${isThere ? ", where option 'readOnly' can look at it" : ''}`
}

function systemError(errno: number): string {
  try {
    return errnoName(errno)
  } catch {
    return `errno ${errno}`
  }
}
