// Bytes and names that nobody else has chosen.

/** So many random bytes. Loads node:crypto, which costs more than all of a board: not before somebody needs them. */
export function randomBytes(size: number): Buffer {
  return process.getBuiltinModule('node:crypto').randomBytes(size)
}

/** A name of so many random bytes, in hexadecimal. */
export function randomName(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}
