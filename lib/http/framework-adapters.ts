// instrument() for frameworks, where the server is not at hand or requests are known by their routes. None of
// them is loaded here: what is needed of each is spelt out as a type.

import type { IncomingMessage, ServerResponse } from '../util/node-types'
import { follow, type InstrumentOptions } from './instrument'
import type { AnyRequest, AnyResponse } from './tracker'

/** A middleware of Express, Connect, Polka and whoever else takes theirs. */
export type ExpressMiddleware = Disposable &
  ((request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void)

/**
 * Publishes what an Express app does: `app.use(expressMiddleware({ board }))`, before all others. The options and
 * what they mean are those of `instrument()`; disposing of it undoes it.
 *
 * @throws {TypeError} wrong options
 */
export function expressMiddleware(options: InstrumentOptions): ExpressMiddleware {
  const { begin, end } = follow(options, 'expressMiddleware({ board })')
  const middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => {
    begin(request, response)
    next()
  }
  return Object.assign(middleware, { [Symbol.dispose]: end })
}

/** What a middleware of Koa is called with, as far as it matters here. */
export interface KoaContext {
  req: IncomingMessage
  res: ServerResponse
  /** What @koa/router leaves: the route that it has taken. */
  _matchedRoute?: string | RegExp
}

/** For `app.use()` of Koa; disposing it undoes it. */
export type KoaMiddleware = Disposable &
  ((context: KoaContext, next: () => Promise<unknown>) => Promise<unknown>)

/**
 * Publishes what a Koa app does: `app.use(koaMiddleware({ board }))`, before all others. The options and what
 * they mean are those of `instrument()`; disposing of it undoes it.
 *
 * @throws {TypeError} wrong options
 */
export function koaMiddleware(options: InstrumentOptions): KoaMiddleware {
  const { begin, end } = follow(options, 'koaMiddleware({ board })')
  const middleware = (context: KoaContext, next: () => Promise<unknown>) => {
    begin(context.req, context.res, () => textOf(context._matchedRoute))
    return next()
  }
  return Object.assign(middleware, { [Symbol.dispose]: end })
}

/** A request of Fastify, as far as it matters here. */
export interface FastifyRequest {
  raw: AnyRequest
  /** `url` is left out where there is no such route. */
  routeOptions?: { url?: string | undefined }
}

/** An instance of Fastify, as far as it matters here. */
export interface FastifyApp {
  /** Before each request, with Node's own request and response. */
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequest, reply: { raw: AnyResponse }, done: () => void) => void,
  ): unknown
  /** When the app closes. */
  addHook(name: 'onClose', hook: (app: never, done: () => void) => void): unknown
}

/**
 * Publishes what a Fastify app does: `app.register(fastifyPlugin, { board })`, before its routes. The options
 * and what they mean are those of `instrument()`; closing the app undoes it.
 *
 * @throws {TypeError} wrong options; Fastify hands it on from `ready()`
 */
export function fastifyPlugin(
  app: FastifyApp,
  options: InstrumentOptions,
  done: (error?: Error) => void,
): void {
  let followed: ReturnType<typeof follow>
  try {
    followed = follow(options, 'app.register(fastifyPlugin, { board })')
  } catch (error) {
    // Thrown, it would be nobody's.
    done(error as Error)
    return
  }
  app.addHook('onRequest', (request, reply, next) => {
    followed.begin(request.raw, reply.raw, () => request.routeOptions?.url)
    next()
  })
  app.addHook('onClose', (_, closed) => {
    followed.end()
    closed()
  })
  done()
}

function textOf(route: string | RegExp | undefined): string | undefined {
  return route === undefined ? undefined : String(route)
}

// By which Fastify knows a plugin that is for the whole app, and how to call it.
Object.assign(fastifyPlugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'rollcall',
})
