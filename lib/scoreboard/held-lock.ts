// Whether another process holds a file's lock, the one that the creator of a board holds on its temporary file.

import { native } from '../binding'
import { isRegularFile } from '../util/trust'

/** False where the file is missing, or nobody holds the byte. */
export function isLockHeld(file: string): boolean {
  return isRegularFile(file) && !native.isAbandoned(file)
}
