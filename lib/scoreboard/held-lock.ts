// Whether another process holds a file's lock, the one that the creator of a board holds on its temporary file.

import { existsSync } from 'node:fs'
import { native } from '../binding'

/** False where the file is missing, or nobody holds the byte. */
export function isLockHeld(file: string): boolean {
  return existsSync(file) && !native.isAbandoned(file)
}
