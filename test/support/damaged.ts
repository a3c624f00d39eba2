// What others may have written in place of a record: nothing of it, or nearly all of it.

import fc from 'fast-check'

/** Any bytes: those that are no JSON, those that are, and those that are nearly what is expected. */
export function bytesLike(value: unknown): fc.Arbitrary<Buffer> {
  return fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    damaged(value).map((some) => Buffer.from(JSON.stringify(some) ?? '')),
  )
}

/** A JSON value with some of its parts, at any depth, taken away or replaced by anything. */
export function damaged(value: unknown): fc.Arbitrary<unknown> {
  const replacement = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.integer(),
    fc.constantFrom<unknown>(
      undefined,
      -1,
      0.5,
      2 ** 53 - 1,
      2 ** 53,
      1e300,
      '',
      '../x',
      [],
      {},
      [[0, 1]],
      null,
    ),
  )
  const change = (current: unknown): fc.Arbitrary<unknown> => {
    if (typeof current !== 'object' || current === null) {
      return fc.oneof({ weight: 60, arbitrary: fc.constant(current) }, { weight: 1, arbitrary: replacement })
    }
    const parts = Array.isArray(current)
      ? fc.tuple(...current.map(change))
      : fc.record(Object.fromEntries(Object.entries(current).map(([name, part]) => [name, change(part)])))
    return fc.oneof({ weight: 60, arbitrary: parts }, { weight: 1, arbitrary: replacement })
  }
  return change(value)
}
