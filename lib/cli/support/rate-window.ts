// How fast a number grows: over about the last ten seconds, so that it follows what happens.

const WINDOW_MS = 10_000

export class RateWindow {
  readonly #seen: { at: number; count: number }[] = []

  /** Takes the number as it is at `at`, in milliseconds; gives its growth a second, undefined at first. */
  add(at: number, count: number): number | undefined {
    const seen = this.#seen
    // Fewer than before: it has begun anew.
    if (count < (seen.at(-1)?.count ?? 0)) seen.length = 0
    seen.push({ at, count })
    while (seen.length > 2 && at - seen[0]!.at > WINDOW_MS) seen.shift()
    const [first] = seen
    return at > first!.at ? ((count - first!.count) * 1000) / (at - first!.at) : undefined
  }
}
