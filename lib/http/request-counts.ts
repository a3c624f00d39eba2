// How many requests there were, of which method and outcome, and how long they took: counters of boards of their own, in
// the folder `requests` of the board that is instrumented. They are memory like all of it: nobody who hangs is asked, and
// what a worker had counted stays when it is killed. What all requests have come to is on the one in that folder, with
// those that have no route; each route has one below it. The counters' names are fixed and the routes are few, so no client
// can make more series of them.

import { join } from 'node:path'
import { modeOfBoard } from '../scoreboard/open-board'
import { type AnyScoreboard, Scoreboard } from '../scoreboard/scoreboard'
import { namesIn } from '../util/trust'
import { adderOf } from './add-to-counter'

const FOLDER = 'requests'
const ROUTE_FOLDER = /^route-(.+)$/
/** More than these count as those without a route. */
export const MOST_ROUTES = 32
/** Workers that begin at once may each have made the last one. */
const MOST_READ = 2 * MOST_ROUTES
const MOST_FOLDER_LENGTH = 200
const TRY_AGAIN_MS = 1000
/** Workers of one route: more of them than a machine has, and an eighth of the memory. */
const MOST_ROUTE_SLOTS = 256

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'other'] as const
/** `other`: given up by their clients, or of an odd status. */
const OUTCOMES = ['2xx', '3xx', '4xx', '5xx', 'other'] as const
/** In seconds: those that everybody's dashboards expect. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, Number.POSITIVE_INFINITY]

const REQUESTS = 'requests'
const BYTES = 'bytes'
const SECONDS = 'seconds'
const countOf = (method: string, outcome: string) => `${method} ${outcome}`
const bucketOf = (bound: number) => `le ${bound}`

const TIMED = [
  ...METHODS.flatMap((method) => OUTCOMES.map((outcome) => countOf(method, outcome))),
  ...BOUNDS.map(bucketOf),
  SECONDS,
]
// Where each is among these: to put a name together takes longer than to count.
const FIRST_BUCKET = METHODS.length * OUTCOMES.length
const SECONDS_AT = FIRST_BUCKET + BOUNDS.length
const METHOD_AT = new Map<string, number>(METHODS.map((method, at) => [method, at]))
const OTHER_METHOD = METHODS.length - 1
const OTHER_OUTCOME = OUTCOMES.length - 1

/** On the board of all. */
const ALL = [...TIMED, REQUESTS, BYTES]

/** One request that has ended. */
export interface EndedRequest {
  method: string
  /** Undefined: its client has given it up. */
  statusCode: number | undefined
  seconds: number
  route: string | undefined
}

/** In the order of the names. */
type Adders = readonly ((n: number) => void)[]

/** The counters of one worker. */
export class RequestCounts {
  /** By how many its requests are told of: only then may one come twice. */
  users = 0
  /** What a request has that was told of. */
  readonly seenKey = Symbol('rollcall.counted')
  readonly #of: AnyScoreboard
  #all: Adders | undefined
  /** By route; undefined: it counts as none. */
  readonly #routes = new Map<string, Adders | undefined>()
  #generation = -1
  #failure: unknown
  #failedAt = 0

  constructor(of: AnyScoreboard) {
    this.#of = of
  }

  /**
   * What adds to `requests` or `bytes`.
   *
   * @throws {ScoreboardError} their board cannot be made, or trusted
   */
  adderOf(name: 'requests' | 'bytes'): (n: number) => void {
    return this.#open()[ALL.indexOf(name)]!
  }

  /** @throws {ScoreboardError} their board cannot be made, or trusted */
  count({ method, statusCode, seconds, route }: EndedRequest): void {
    const all = this.#open()
    const adders = (route === undefined ? undefined : this.#route(route)) ?? all
    const first = statusCode === undefined ? 0 : Math.floor(statusCode / 100)
    const outcome = first >= 2 && first <= 5 ? first - 2 : OTHER_OUTCOME
    adders[(METHOD_AT.get(method) ?? OTHER_METHOD) * OUTCOMES.length + outcome]!(1)
    adders[FIRST_BUCKET + BOUNDS.findIndex((bound) => seconds <= bound)]!(1)
    adders[SECONDS_AT]!(seconds)
  }

  /** Where the board was replaced, so was what lay in its directory. */
  #open(): Adders {
    if (this.#generation !== this.#of.generation) {
      this.#all = undefined
      this.#routes.clear()
    }
    this.#generation = this.#of.generation
    this.#all ??= this.#tryToMake()
    return this.#all
  }

  /** A board that is busy now will not always be; but to try takes longer than a request should wait. */
  #tryToMake(): Adders {
    if (this.#failure !== undefined && performance.now() - this.#failedAt < TRY_AGAIN_MS) throw this.#failure
    try {
      return this.#make(join(this.#of.baseDir, FOLDER), ALL, 65_535)
    } catch (error) {
      this.#failure = error
      this.#failedAt = performance.now()
      throw error
    }
  }

  #route(route: string): Adders | undefined {
    if (!this.#routes.has(route)) this.#routes.set(route, this.#makeRoute(route))
    return this.#routes.get(route)
  }

  #makeRoute(route: string): Adders | undefined {
    // No more are remembered than there may be, nor more tried.
    if (this.#routes.size >= MOST_READ) return undefined
    const folder = `route-${encodeURIComponent(Buffer.from(route).toString())}`
    if (folder.length > MOST_FOLDER_LENGTH || route === '') return undefined
    const names = routeFolders(this.#of)
    if (!names.includes(folder) && names.length >= MOST_ROUTES) return undefined
    try {
      return this.#make(join(this.#of.baseDir, FOLDER, folder), TIMED, MOST_ROUTE_SLOTS)
    } catch {
      // Full, or busy for long: then it counts with those that have no route.
      return undefined
    }
  }

  #make(baseDir: string, names: readonly string[], mostSlots: number): Adders {
    const board: Scoreboard = new Scoreboard({
      baseDir,
      slots: Math.min(mostSlots, this.#of.snapshot().slots),
      counters: Object.fromEntries(names.map((name) => [name, 'counter' as const])),
      inlineBytes: 64,
      heartbeatMs: 0,
      mode: modeOfBoard(this.#of.baseDir) ?? 0o600,
    })
    this.#of.closeWith(board)
    board.claim()
    return names.map((name) => adderOf(board, name)!)
  }
}

const counts = new WeakMap<AnyScoreboard, RequestCounts>()

/** Those of a handle: whoever counts for one worker counts in one place. */
export function requestCountsOf(board: AnyScoreboard): RequestCounts {
  let found = counts.get(board)
  if (found === undefined) {
    found = new RequestCounts(board)
    counts.set(board, found)
  }
  return found
}

/** What all workers that ever were have come to; none of it falls. */
export interface RouteTotals {
  /** Left out of those that have none. */
  route?: string
  requests: number
  counts: { method: string; outcome: string; count: number }[]
  /** As Prometheus has them: how many took at most so long. */
  buckets: { bound: number; count: number }[]
  seconds: number
}

export interface RequestTotals {
  /** Served and sent by all, with or without `metrics`. */
  requests: number
  bytes: number
  /** Of those that were timed: by route, and all of them. */
  routes: RouteTotals[]
  timed: RouteTotals
}

/** Open as long as the board of that handle. */
interface Readers {
  generation: number
  byFolder: Map<string, Scoreboard>
}

const readers = new WeakMap<AnyScoreboard, Readers>()

function readersOf(of: AnyScoreboard): Map<string, Scoreboard> {
  const known = readers.get(of)
  if (known?.generation === of.generation) return known.byFolder
  const byFolder = new Map<string, Scoreboard>()
  readers.set(of, { generation: of.generation, byFolder })
  return byFolder
}

/** Undefined: nobody counts requests on this board. */
export function readRequestTotals(of: AnyScoreboard): RequestTotals | undefined {
  const all = totalsIn(of, '')
  if (all === undefined) return undefined
  const routes = [routeTotals(all)]
  const sum = { ...all }
  for (const folder of routeFolders(of).slice(0, MOST_READ)) {
    const totals = totalsIn(of, folder)
    if (totals === undefined) continue
    routes.push({ route: routeIn(folder), ...routeTotals(totals) })
    for (const name of TIMED) sum[name] = (sum[name] ?? 0) + (totals[name] ?? 0)
  }
  return {
    requests: all[REQUESTS] ?? 0,
    bytes: all[BYTES] ?? 0,
    routes: routes.filter(({ requests }) => requests > 0),
    timed: routeTotals(sum),
  }
}

/** Gives up what was counted on a board that is given up. */
export function resetRequests(of: AnyScoreboard): void {
  for (const folder of ['', ...routeFolders(of)]) {
    try {
      using board = new Scoreboard({ baseDir: join(of.baseDir, FOLDER, folder), readOnly: false })
      board.reset()
    } catch {
      // There is none, as a rule.
    }
  }
}

function totalsIn(of: AnyScoreboard, folder: string): Record<string, number> | undefined {
  const boards = readersOf(of)
  try {
    let board = boards.get(folder)
    if (board !== undefined && !board.isInPlace) {
      board.close()
      board = undefined
    }
    if (board === undefined) {
      board = new Scoreboard({ baseDir: join(of.baseDir, FOLDER, folder), readOnly: true })
      boards.set(folder, board)
      of.closeWith(board)
    }
    return board.totals()
  } catch {
    // None was made, as a rule; what else is wrong with it must not cost the page.
    boards.delete(folder)
    return undefined
  }
}

function routeFolders({ baseDir }: AnyScoreboard): string[] {
  try {
    const names = namesIn(join(baseDir, FOLDER)) ?? []
    return names.filter((name) => routeIn(name) !== undefined).sort()
  } catch {
    return []
  }
}

function routeIn(folder: string): string | undefined {
  const encoded = ROUTE_FOLDER.exec(folder)?.[1]
  try {
    return encoded && decodeURIComponent(encoded)
  } catch {
    return undefined
  }
}

function routeTotals(totals: Record<string, number>): RouteTotals {
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
