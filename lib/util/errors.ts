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

/** What else is known of a `ScoreboardError`. */
export interface ScoreboardErrorDetails {
  cause?: unknown
  /** The system call that failed, where one did. */
  syscall?: string
  /** Its errno, positive, where one is known. */
  errno?: number
}

/** A part of this package that cannot be loaded on this machine, and what helps. */
export class CannotLoad extends Error {}

/** Something went wrong with a board: the file, the disk, a slot or the kernel. */
export class ScoreboardError extends Error {
  override readonly name = 'ScoreboardError'
  readonly code: ScoreboardErrorCode
  readonly syscall?: string
  readonly errno?: number

  /** Made by the library; public so that tests of yours can make one. */
  constructor(code: ScoreboardErrorCode, message: string, details: ScoreboardErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.syscall !== undefined) this.syscall = details.syscall
    if (details.errno !== undefined) this.errno = details.errno
  }
}

/** Stable within a major version; messages are not. */
export type WatchdogErrorCode =
  | 'ERR_EXISTS'
  | 'ERR_NOT_FOUND'
  | 'ERR_CLOSED'
  | 'ERR_SEALED'
  | 'ERR_LEASE_LOST'
  | 'ERR_TIMEOUT'
  | 'ERR_SESSION_LOST'
  | 'ERR_TOO_LARGE'
  | 'ERR_AUTH'
  | 'ERR_VERSION'
  | 'ERR_UNREACHABLE'
  | 'ERR_CONNECTION'
  | 'ERR_CORRUPT'
  | 'ERR_AMBIGUOUS'
  | 'ERR_UNSUPPORTED'
  | 'ERR_NO_SPACE'
  | 'ERR_READ_ONLY'
  | 'ERR_SYSTEM'
  | 'ERR_TLS'

/** What else is known of a `WatchdogError`. */
export interface WatchdogErrorDetails {
  cause?: unknown
  /** The node or file that the operation was on. */
  path?: string
  /** Whether the same call may well succeed later. @default by the code */
  retryable?: boolean
  /** Whether the operation may have happened in spite of the error. @default false */
  maybeApplied?: boolean
  /** What was known when a wait ran out. */
  report?: unknown
}

const RETRYABLE: ReadonlySet<WatchdogErrorCode> = new Set([
  'ERR_TIMEOUT',
  'ERR_SESSION_LOST',
  'ERR_UNREACHABLE',
  'ERR_CONNECTION',
])

/** Something went wrong with a queue: the server, the session, a lease or the queue itself. */
export class WatchdogError extends Error {
  override readonly name = 'WatchdogError'
  readonly code: WatchdogErrorCode
  readonly path?: string
  readonly retryable: boolean
  readonly maybeApplied: boolean
  /** `ERR_TIMEOUT` of `waitDone()`: the DoneReport at that moment. */
  readonly report?: unknown

  /** Made by the library; public so that tests of yours can make one. */
  constructor(code: WatchdogErrorCode, message: string, details: WatchdogErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.retryable = details.retryable ?? RETRYABLE.has(code)
    this.maybeApplied = details.maybeApplied ?? false
    if (details.path !== undefined) this.path = details.path
    if (details.report !== undefined) this.report = details.report
  }
}

/** That error, but of an operation that may have happened before it. */
export function maybeApplied(cause: unknown, details: { message?: string; path?: string } = {}): unknown {
  if (!(cause instanceof WatchdogError) || cause.maybeApplied) return cause
  const { message = cause.message, path = cause.path } = details
  return new WatchdogError(cause.code, message, {
    cause,
    retryable: cause.retryable,
    maybeApplied: true,
    ...(path === undefined ? {} : { path }),
  })
}
