// What is published in the trials: ASCII text of a given length, flat strings, each different.

const COUNT = 64

export function statuses(bytes: number): string[] {
  return Array.from({ length: COUNT }, (_, i) =>
    Buffer.from(`${i} GET /some/path/that/is/long/enough `.padEnd(bytes, '.').slice(0, bytes)).toString(
      'latin1',
    ),
  )
}

/** For `all[i & MASK]` in the loops, which costs next to nothing. */
export const MASK = COUNT - 1
