// How many requests there were, of which method and outcome, and how long they took: counters of a board of their own,
// in the folder `requests` of the board that is instrumented. They are memory like all of it: nobody who hangs is asked, and
// what a worker had counted stays when it is killed. The names are fixed, so no client can make more of them.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type AnyScoreboard, Scoreboard } from '../scoreboard/scoreboard'
import type { AnyRequest } from './connections'
import type { AnyResponse } from './in-flight'
import { followed } from './observers'

const FOLDER = 'requests'
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'other'] as const
/** `other`: given up by their clients, or of an odd status. */
const OUTCOMES = ['2xx', '3xx', '4xx', '5xx', 'other'] as const
/** In seconds: those that everybody's dashboards expect. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, Number.POSITIVE_INFINITY]

const SECONDS = 'seconds'
const countOf = (method: string, outcome: string) => `${method} ${outcome}`
const bucketOf = (bound: number) => `le ${bound}`

const NAMES = [
  ...METHODS.flatMap((method) => OUTCOMES.map((outcome) => countOf(method, outcome))),
  ...BOUNDS.map(bucketOf),
  SECONDS,
]

/** Counts the requests of one worker, until it is closed. */
export class RequestMetrics {
  readonly #board: Scoreboard
  readonly #unseen = new WeakSet<AnyResponse>()
  readonly #onError: (error: Error) => void
  #isClosed = false

  /** @throws {ScoreboardError} their board cannot be made, or trusted */
  constructor(of: AnyScoreboard, onError: (error: Error) => void) {
    const mode = statSync(join(of.baseDir, 'board')).mode & 0o777
    this.#onError = onError
    this.#board = new Scoreboard({
      baseDir: join(of.baseDir, FOLDER),
      slots: of.snapshot().slots,
      counters: Object.fromEntries(NAMES.map((name) => [name, 'counter' as const])),
      inlineBytes: 64,
      heartbeatMs: 0,
      mode,
    })
    this.#board.claim()
    followed.add(this)
  }

  /** Never throws. */
  begin(request: AnyRequest, response: AnyResponse): void {
    const beganAt = performance.now()
    response.on('close', () => {
      if (this.#isClosed || this.#unseen.has(response)) return
      try {
        this.#count(request.method ?? '', response, (performance.now() - beganAt) / 1000)
      } catch (error) {
        this.#isClosed = true
        this.#onError(error as Error)
      }
    })
  }

  #count(method: string, response: AnyResponse, seconds: number): void {
    const { counters } = this.#board
    const known = METHODS.find((one) => one === method) ?? 'other'
    const first = Math.floor(response.statusCode / 100)
    const outcome = OUTCOMES.find((one) => response.writableFinished && one === `${first}xx`) ?? 'other'
    counters.add(countOf(known, outcome))
    counters.add(bucketOf(BOUNDS.find((bound) => seconds <= bound)!))
    counters.add(SECONDS, seconds)
  }

  forget(response: AnyResponse): void {
    this.#unseen.add(response)
  }

  close(): void {
    followed.delete(this)
    this.#isClosed = true
    this.#board.close()
  }
}

/** What all workers that ever were have come to; none of it falls. */
export interface RequestTotals {
  requests: number
  counts: { method: string; outcome: string; count: number }[]
  /** As Prometheus has them: how many took at most so long. */
  buckets: { bound: number; count: number }[]
  seconds: number
}

const readers = new WeakMap<AnyScoreboard, Scoreboard>()

/** Undefined: nobody counts requests on this board. */
export function readRequestTotals(of: AnyScoreboard): RequestTotals | undefined {
  try {
    let board = readers.get(of)
    if (board !== undefined && !board.isInPlace) {
      board.close()
      board = undefined
    }
    board ??= new Scoreboard({ baseDir: join(of.baseDir, FOLDER), readOnly: true })
    readers.set(of, board)
    return totalsOf(board.totals())
  } catch {
    // None was made, as a rule; what else is wrong with it must not cost the page.
    readers.delete(of)
    return undefined
  }
}

function totalsOf(totals: Record<string, number>): RequestTotals {
  const counts = METHODS.flatMap((method) =>
    OUTCOMES.map((outcome) => ({ method, outcome, count: totals[countOf(method, outcome)] ?? 0 })),
  )
  let sum = 0
  const buckets = BOUNDS.map((bound) => {
    sum += totals[bucketOf(bound)] ?? 0
    return { bound, count: sum }
  })
  return {
    requests: counts.reduce((all, { count }) => all + count, 0),
    counts: counts.filter(({ count }) => count > 0),
    buckets,
    seconds: totals[SECONDS] ?? 0,
  }
}
