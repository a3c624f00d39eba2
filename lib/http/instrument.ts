// instrument() and the adapters of frameworks: one line of code that puts a server's workers on a board.

import type { AnyScoreboard } from '../scoreboard/scoreboard'
import { checkOptions, describeValue, optionalBoolean } from '../util/check-options'
import type {
  Http2SecureServer,
  Http2Server,
  HttpsServer as SecureServer,
  HttpServer as Server,
} from '../util/node-types'
import { maskQuery } from './masked-query'
import type { RequestMetrics, RouteOf } from './request-metrics'
import type { AnyRequest, AnyResponse, RequestView } from './tracker'

/** What can be instrumented: the servers of node:http, node:https and node:http2. */
export type InstrumentableServer = Server | SecureServer | Http2Server | Http2SecureServer

/** What `instrument()` and the adapters take. */
export interface InstrumentOptions {
  /**
   * The handle by which this worker publishes. Its status is the server's from now on: publish nothing else by
   * it. Where the board has counters named `requests` and `bytes`, they are kept too, and so outlive
   * the worker in the totals.
   */
  board: AnyScoreboard
  /**
   * Whether paths are shown with their query: `true` as the client sent it, `false` without it.
   *
   * @default with it, but for values whose names say that they are secret: `?token=***`
   */
  query?: boolean
  /**
   * What to show as the path of a request. Called once, when the request begins.
   *
   * @default its URL, its query as `query` says
   */
  path?: (request: AnyRequest) => string
  /**
   * Where a request comes from, for servers behind a proxy that says so in a header.
   *
   * @default the address of the connection
   */
  remoteAddress?: (request: AnyRequest) => string | undefined
  /**
   * Whether requests are counted by method, outcome and route, and their latency in a histogram, for `renderMetrics()` and the
   * page: in shared memory, in the folder `requests` of the board, where they outlive their worker. Costs a
   * listener for each request.
   *
   * @default false
   */
  metrics?: boolean
  /**
   * The route of a request, for `metrics`, asked when it has ended: a pattern like `/orders/:id`, never what a client
   * sends. The first 32 have numbers of their own; others, and requests without one, count together.
   *
   * @default what the router of Express, Fastify or Koa says
   */
  route?: (request: AnyRequest) => string | undefined
  /**
   * Hears the first error of the board, or of the functions above. Whatever happens, requests are served,
   * and publishing is tried again later, unless the board was closed. One that was deleted or replaced is opened
   * again: for that the handle changes boards, see `reopen()`.
   *
   * @default process.emitWarning
   */
  onError?: (error: Error) => void
}

/** Undoes it. Calling it again is fine. */
export interface Instrumentation {
  (): void
  /** The same, for `using`. */
  [Symbol.dispose](): void
}

/** Loaded at the first server: most who use a board instrument none. */
const hook = () => require('./request-hook') as typeof import('./request-hook')
const tracking = () => require('./tracker') as typeof import('./tracker')

const OPTIONS = ['board', 'query', 'path', 'remoteAddress', 'metrics', 'route', 'onError']

/**
 * Publishes on a board what a server does, from its next 'request' on: state, method, host, path, address,
 * protocol, requests and bytes served, as a RequestStatus. Several servers of one worker, on the same
 * handle, are shown as one. After Apache's mod_status and Plack::Middleware::ServerStatus::Lite.
 *
 * @returns a function that undoes it
 * @throws {TypeError} no server, or wrong options; nothing of the board is ever thrown
 */
export function instrument(server: InstrumentableServer, options: InstrumentOptions): Instrumentation {
  if (typeof server !== 'object' || server === null || typeof server.emit !== 'function') {
    throw new TypeError(
      `Expected a server of node:http, node:https or node:http2, got ${describeValue(server)}`,
    )
  }
  const { begin, end } = follow(options, 'instrument(server, { board })')
  const leave = hook().beforeRequests(server as Server, begin)
  return undoable(() => {
    leave()
    end()
  })
}

/**
 * Checks the options and says how to tell of a request, and how to stop.
 *
 * @param call how it is written that was called with them
 */
export function follow(
  options: InstrumentOptions,
  call: string,
): {
  /** @param routeOf where a framework knows a request's route better than the request */
  begin(request: AnyRequest, response: AnyResponse, routeOf?: RouteOf): void
  end(): void
} {
  if (typeof (options as unknown as InstrumentOptions['board'])?.updateJsonBytes === 'function') {
    throw new TypeError(`Expected options, got a Scoreboard; did you mean ${call}?`)
  }
  checkOptions(options, OPTIONS, `the options of ${call}`)
  const { board, path, remoteAddress, onError } = options
  const routeOf = optionalFunction(options.route, 'route')
  // Not by instanceof: another copy of the package is as good.
  if (typeof board?.updateJsonBytes !== 'function') {
    throw new TypeError(`Expected option 'board' to be a Scoreboard, got ${describeValue(board)}`)
  }
  const query = optionalBoolean(options.query, 'query')
  const shownOf = query === undefined ? maskedUrlOf : query ? urlOf : pathOf
  const view: RequestView = {
    path: optionalFunction(path, 'path') ?? shownOf,
    remoteAddress: optionalFunction(remoteAddress, 'remoteAddress'),
    onError: optionalFunction(onError, 'onError') ?? warn,
  }
  const tracker = tracking().trackerOf(board)
  const end = tracker.join(view)
  if (!optionalBoolean(options.metrics, 'metrics')) {
    return { begin: (request, response) => tracker.begin(request, response, view), end }
  }
  const { RequestMetrics } = require('./request-metrics') as typeof import('./request-metrics')
  const metrics: RequestMetrics = new RequestMetrics(board, view.onError)
  return {
    begin(request, response, ofFramework) {
      tracker.begin(request, response, view)
      metrics.begin(request, response, routeOf ?? ofFramework)
    },
    end() {
      end()
      metrics.close()
    },
  }
}

/** The same function twice over: for callers, and for `using`. */
export function undoable(undo: () => void): Instrumentation {
  return Object.assign(undo, { [Symbol.dispose]: undo })
}

function optionalFunction<F extends (...args: never[]) => unknown>(
  value: F | undefined,
  name: string,
): F | undefined {
  if (value === undefined || typeof value === 'function') return value
  throw new TypeError(`Expected option '${name}' to be a function, got ${describeValue(value)}`)
}

/** Routers below a mount point see a shorter `url`; they keep the whole one beside it. */
function urlOf(request: AnyRequest & { originalUrl?: string }): string {
  return request.originalUrl ?? request.url ?? ''
}

function maskedUrlOf(request: AnyRequest): string {
  return maskQuery(urlOf(request))
}

function pathOf(request: AnyRequest): string {
  return urlOf(request).split('?', 1)[0]!
}

function warn(error: Error): void {
  process.emitWarning(error)
}
