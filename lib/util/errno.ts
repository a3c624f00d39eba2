// Numbers of system errors by the names that people know.

import { getSystemErrorName } from 'node:util'

/** `ENOENT` for 2: errno as the system has it, positive. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno)
}
