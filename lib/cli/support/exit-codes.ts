// What an exit code says, and which error means which code. The numbers are those of sysexits.h
// where it has one.

import { errnoName } from '../../util/errno'
import {
  CannotLoad,
  ScoreboardError,
  type ScoreboardErrorCode,
  WatchdogError,
  type WatchdogErrorCode,
} from '../../util/errors'

export const EXIT = {
  fine: 0,
  failed: 1,
  timeout: 2,
  hung: 3,
  usage: 64,
  badData: 65,
  notFound: 66,
  unreachable: 69,
  bug: 70,
  system: 71,
  exists: 73,
  io: 74,
  tryAgain: 75,
  permission: 77,
} as const

type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What each says that several verbs have. Behind a `;` is what only the longer texts say. */
const MEANING: Record<ExitCode, string> = {
  0: 'fine',
  1: 'items are dead, or workers failed',
  2: 'a wait ran out of time',
  3: 'workers hung or died',
  64: 'the command line is wrong',
  65: 'what is there is damaged, of another version, or no board',
  66: 'no such board or queue',
  69: 'not possible here; no server answers, a package is missing, or the file system cannot do it',
  70: 'a bug; please report it',
  71: 'a system call failed',
  73: 'it exists already',
  74: 'the disk is full, or the like',
  75: 'try again; `work --until empty`: others are still at work',
  77: 'not allowed',
}

/** What plug-ins of monitoring end with where they cannot tell: `check`. */
export const UNKNOWN = 3

const OF_ONE_VERB: readonly (readonly [codes: string, meaning: string])[] = [
  ['0 to 3', '`check`: OK, warning, critical, unknown'],
  ['4, 5', '`queue consume`: none now; none ever again'],
  ['124', '`run --timeout`: the command ran too long'],
  [
    '125, 126, 127',
    '`run`: its own failure; `run` and `work`: the command cannot be executed; it was not found',
  ],
  ['128 + n', 'ended by signal n'],
  ['141', 'nobody reads the output any more'],
]

/** All of them in order, for the manual page and docs/guide/command-line.md. */
export const EXIT_TABLE = [...Object.entries(MEANING), ...OF_ONE_VERB].sort(
  ([a], [b]) => Number.parseInt(a, 10) - Number.parseInt(b, 10),
)

/** Some of them for a help: `Exit codes: 0 fine; 64 ...` */
export function exitCodesText(codes: readonly ExitCode[]): string {
  return `Exit codes: ${codes.map((code) => `${code} ${MEANING[code].split(';')[0]}`).join('; ')}.`
}

/** A failure that the command line itself found, with the code to exit with. */
export class CliError extends Error {
  override readonly name = 'CliError'

  constructor(
    readonly exitCode: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

const OF_SCOREBOARD: Record<ScoreboardErrorCode, number> = {
  ERR_NOT_A_BOARD: EXIT.badData,
  ERR_VERSION: EXIT.badData,
  ERR_ENDIAN: EXIT.badData,
  ERR_GEOMETRY_MISMATCH: EXIT.badData,
  ERR_CORRUPT_HEADER: EXIT.badData,
  ERR_INSECURE_PATH: EXIT.permission,
  ERR_UNSUPPORTED_FS: EXIT.unreachable,
  ERR_LOCKS_UNSUPPORTED: EXIT.unreachable,
  ERR_NO_SPACE: EXIT.io,
  ERR_BOARD_FULL: EXIT.tryAgain,
  ERR_ID_IN_USE: EXIT.exists,
  ERR_STATUS_TOO_LARGE: EXIT.badData,
  ERR_OVERFLOW_WRITE: EXIT.io,
  ERR_CLOSED: EXIT.bug,
  ERR_READ_ONLY: EXIT.permission,
  ERR_BOARD_REPLACED: EXIT.tryAgain,
  ERR_BUSY: EXIT.tryAgain,
  ERR_SYSTEM: EXIT.system,
}

const OF_WATCHDOG: Record<WatchdogErrorCode, number> = {
  ERR_EXISTS: EXIT.exists,
  ERR_NOT_FOUND: EXIT.notFound,
  ERR_CLOSED: EXIT.notFound,
  ERR_SEALED: EXIT.badData,
  ERR_LEASE_LOST: EXIT.tryAgain,
  ERR_TIMEOUT: EXIT.timeout,
  ERR_SESSION_LOST: EXIT.tryAgain,
  ERR_TOO_LARGE: EXIT.badData,
  ERR_AUTH: EXIT.permission,
  ERR_VERSION: EXIT.badData,
  ERR_UNREACHABLE: EXIT.unreachable,
  ERR_CONNECTION: EXIT.tryAgain,
  ERR_CORRUPT: EXIT.badData,
  ERR_AMBIGUOUS: EXIT.tryAgain,
  ERR_UNSUPPORTED: EXIT.unreachable,
  ERR_NO_SPACE: EXIT.io,
  ERR_READ_ONLY: EXIT.permission,
  ERR_SYSTEM: EXIT.system,
  ERR_TLS: EXIT.unreachable,
}

const OF_ERRNO: Record<string, number> = {
  ENOENT: EXIT.notFound,
  ENOTDIR: EXIT.notFound,
  EISDIR: EXIT.usage,
  ELOOP: EXIT.usage,
  ENAMETOOLONG: EXIT.usage,
  EACCES: EXIT.permission,
  EPERM: EXIT.permission,
  EROFS: EXIT.permission,
  ENOSPC: EXIT.io,
  EDQUOT: EXIT.io,
  EIO: EXIT.io,
}

/** The exit code that an error ends the command with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode
  if (error instanceof CannotLoad) return EXIT.unreachable
  if (isMisuse(error)) return EXIT.usage
  const byErrno = OF_ERRNO[errnoOf(error) ?? '']
  if (error instanceof ScoreboardError) {
    return error.code === 'ERR_SYSTEM' ? (byErrno ?? EXIT.system) : OF_SCOREBOARD[error.code]
  }
  if (error instanceof WatchdogError) return OF_WATCHDOG[error.code]
  return byErrno ?? EXIT.bug
}

/** Whether an error is a message for the user; anything else is a bug, whose stack is wanted. */
export function isExpected(error: unknown): error is Error {
  return error instanceof Error && exitCodeOf(error) !== EXIT.bug
}

// On the command line, what the library refuses as misuse came from the user. Its checks all
// start with these words, V8's own TypeErrors do not.
function isMisuse(error: unknown): boolean {
  return (
    (error instanceof TypeError || error instanceof RangeError) &&
    /^(Expected|Unknown option) /.test(error.message)
  )
}

function errnoOf(error: unknown): string | undefined {
  if (error instanceof ScoreboardError) {
    return error.errno === undefined ? undefined : errnoName(error.errno)
  }
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}
