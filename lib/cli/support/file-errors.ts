// A file that an option names and that cannot be used: which option, which file, why, and what was probably meant.

import { CliError, EXIT, exitCodeOf } from './exit-codes'

const WHY: Readonly<Record<string, string>> = {
  EISDIR: 'it is a directory',
  EEXIST: 'something else than a directory has that name',
  ENOENT: 'there is no such file, or its directory is missing',
  ENOTDIR: 'a part of its path is no directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'it is mounted for reading only',
}

/** Does what uses the file; `ifDirectory` says what to do with one. */
export function useFile<T>(option: string, file: string, use: () => T, ifDirectory = ''): T {
  try {
    return use()
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const why = `Cannot use ${option} ${file}: ${WHY[code] ?? message}${code === 'EISDIR' ? ifDirectory : ''}`
    const exitCode = exitCodeOf(error)
    throw new CliError(exitCode === EXIT.bug ? EXIT.usage : exitCode, why, { cause: error })
  }
}
