// The errors a caller may have to handle. Misuse (a wrong type, a value out of range, an
// unknown option) is a TypeError or RangeError instead: a bug to fix, not to handle.

/** Stable within a major version; messages are not. */
export type ScoreboardErrorCode =
  | 'ERR_NOT_A_BOARD'
  | 'ERR_VERSION'
  | 'ERR_ENDIAN'
  | 'ERR_GEOMETRY_MISMATCH'
  | 'ERR_CORRUPT_HEADER'
  | 'ERR_INSECURE_PATH'
  | 'ERR_UNSUPPORTED_FS'
  | 'ERR_LOCKS_UNSUPPORTED'
  | 'ERR_NO_SPACE'
  | 'ERR_BOARD_FULL'
  | 'ERR_ID_IN_USE'
  | 'ERR_STATUS_TOO_LARGE'
  | 'ERR_OVERFLOW_WRITE'
  | 'ERR_CLOSED'
  | 'ERR_READ_ONLY'
  | 'ERR_BOARD_REPLACED'
  | 'ERR_BUSY'
  | 'ERR_SYSTEM'

export interface ScoreboardErrorDetails {
  cause?: unknown
  /** The system call that failed, where one did. */
  syscall?: string
  /** Its errno, positive, where one is known. */
  errno?: number
}

/** Something went wrong with a board: the file, the disk, a slot or the kernel. */
export class ScoreboardError extends Error {
  override readonly name = 'ScoreboardError'
  readonly code: ScoreboardErrorCode
  readonly syscall?: string
  readonly errno?: number

  constructor(code: ScoreboardErrorCode, message: string, details: ScoreboardErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.syscall !== undefined) this.syscall = details.syscall
    if (details.errno !== undefined) this.errno = details.errno
  }
}
