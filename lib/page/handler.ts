// The status page of a board as an HTTP handler: one address for people (HTML, kept alive by server-sent
// events), for programs (?json), for what scrapes Apache (?auto) and for Prometheus (/metrics, ?metrics).
// After Apache's mod_status and Plack::Middleware::ServerStatus::Lite.

import { type AnyScoreboard, Scoreboard } from '../scoreboard/scoreboard'
import { describeValue } from '../util/check-options'
import type { IncomingMessage, ServerResponse } from '../util/node-types'
import type { StatusHandlerOptions } from './handler-options'

/** Loaded with the first page: a worker has none. */
const inside = () => require('./status-page') as typeof import('./status-page')

/** Answers one request; made for `http.createServer`, `app.use` of Express, and raw requests of other frameworks. */
export interface StatusHandler {
  (request: IncomingMessage, response: ServerResponse): void
  /** Ends all open pages and all that runs for them. The board and the queues stay open. */
  close(): void
}

/**
 * Makes the status page of a board. Refuses everybody but this machine unless `allow` or `token` says otherwise. Where
 * the board is deleted or replaced, it shows the next one as soon as there is one.
 *
 * ```js
 * http.createServer(statusHandler(board)).listen(8080)                     // node:http
 * app.use('/status', statusHandler(board))                                 // Express
 * fastify.get('/status', (q, r) => { r.hijack(); handler(q.raw, r.raw) })  // Fastify
 * router.get('/status', (ctx) => { ctx.respond = false; handler(ctx.req, ctx.res) })   // Koa
 * ```
 *
 * @throws {TypeError | RangeError} an option is wrong
 */
export function statusHandler(board: AnyScoreboard, options: StatusHandlerOptions = {}): StatusHandler {
  if (!(board instanceof Scoreboard)) {
    throw new TypeError(`Expected a Scoreboard, got ${describeValue(board)}`)
  }
  const page = new (inside().StatusPage)(board, options)
  const handler = (request: IncomingMessage, response: ServerResponse) => page.handle(request, response)
  return Object.assign(handler, { close: () => page.close() })
}
