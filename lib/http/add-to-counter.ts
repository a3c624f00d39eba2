// Adds to one of a worker's own counters as quickly as the runtime lets it.

import type { AnyScoreboard } from '../scoreboard/scoreboard'

/** Undefined when the board has no counter of that name. To ask for it claims a slot. */
export function adderOf({ counters }: AnyScoreboard, name: string): ((n: number) => void) | undefined {
  if (!counters.names.includes(name)) return undefined
  const view = viewOf(counters)
  if (view === undefined) {
    return (n) => {
      try {
        counters.add(name, n)
      } catch {
        // The board was closed; whoever hears of errors learns it from the next status.
      }
    }
  }
  const index = counters.index(name)
  return (n) => {
    view[index]! += n
  }
}

function viewOf(counters: AnyScoreboard['counters']): Float64Array | undefined {
  try {
    return counters.view
  } catch {
    return undefined
  }
}
