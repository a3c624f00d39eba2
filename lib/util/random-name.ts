// Names that nobody else has made, and that nobody can guess where they are long enough.

import { randomBytes } from 'node:crypto'

/** So many random bytes, in hexadecimal: twice as many characters. */
export function randomName(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}
