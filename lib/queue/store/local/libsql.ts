// The package libsql, which only a queue or a fleet on the machine's own files needs. The only file that imports it.

import type { Database } from 'libsql'
import { WatchdogError } from '../../../util/errors'

type Libsql = new (path: string, options?: object) => Database

let libsql: Libsql | undefined

/** Loads npm `libsql`, which nothing else needs. */
export function loadLibsql(): Libsql {
  if (libsql !== undefined) return libsql
  try {
    libsql = require('libsql') as unknown as Libsql
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
    const why = missing ? 'is not installed' : `does not load (${(cause as Error).message})`
    throw new WatchdogError(
      'ERR_UNSUPPORTED',
      `What is kept in a directory of this machine needs the package libsql, which ${why}. Install it with: npm install libsql`,
      { cause },
    )
  }
  return libsql
}
