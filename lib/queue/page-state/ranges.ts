// Sets of item numbers as sorted, disjoint, half-open ranges: a page of a thousand items that
// were taken in order is one pair of numbers, however many of them there are.

/** `[from, to)`. */
export type Range = readonly [from: number, to: number]

export function size(ranges: readonly Range[]): number {
  let total = 0
  for (const [from, to] of ranges) total += to - from
  return total
}

export function has(ranges: readonly Range[], index: number): boolean {
  return ranges.some(([from, to]) => index >= from && index < to)
}

/** The set with `[from, to)` in it, neighbours merged. */
export function add(ranges: readonly Range[], from: number, to: number): Range[] {
  let low = from
  let high = to
  let at = 0
  while (at < ranges.length && ranges[at]![1] < low) at++
  const result = ranges.slice(0, at)
  for (; at < ranges.length && ranges[at]![0] <= high; at++) {
    low = Math.min(low, ranges[at]![0])
    high = Math.max(high, ranges[at]![1])
  }
  result.push([low, high])
  for (; at < ranges.length; at++) result.push(ranges[at]!)
  return result
}

/** The set without `[from, to)`. */
export function remove(ranges: readonly Range[], from: number, to: number): Range[] {
  const result: Range[] = []
  for (const [low, high] of ranges) {
    if (low < from) result.push([low, Math.min(high, from)])
    if (high > to) result.push([Math.max(low, to), high])
  }
  return result
}

/** What of `[from, to)` is not in the set. */
export function gaps(ranges: readonly Range[], from: number, to: number): Range[] {
  let left: Range[] = [[from, to]]
  for (const [low, high] of ranges) left = remove(left, low, high)
  return left
}

/** Every number in the set, in order. */
export function* numbers(ranges: readonly Range[]): Generator<number> {
  for (const [from, to] of ranges) for (let i = from; i < to; i++) yield i
}
