// Connections that a closing server would wait for. Over HTTP/1 the header `Connection: close` gives one up with its
// answer; a session of HTTP/2 is told by itself, and lives on for the answers that have begun.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'
import type { Server } from 'node:net'

const sessionOf = (message: object): ServerHttp2Session | undefined =>
  (message as { stream?: { session?: ServerHttp2Session } }).stream?.session

/** Undefined where the connection does not say. */
function serverOf(request: IncomingMessage): Server | undefined {
  // Not in the types of Node, and there since ever, for TLS and HTTP/2 too.
  return (request.socket as { server?: Server } | undefined)?.server
}

const haveListened = new WeakSet<Server>()

/**
 * Whether the server of a request takes no new connections any more, and waits for this one. Servers that never listened
 * are handed their connections by somebody else, who knows when they end.
 */
export function isLeft(request: IncomingMessage): boolean {
  const server = serverOf(request)
  if (server === undefined) return false
  if (server.listening) haveListened.add(server)
  return !server.listening && haveListened.has(server)
}

/** What to answer with when nothing more is to come by this connection. */
export function lastHeaders(request: IncomingMessage): Record<string, string> {
  return request.httpVersionMajor === 1 ? { Connection: 'close' } : {}
}

/** The same for HTTP/2, where no header says it. */
export function closesWith(response: ServerResponse): void {
  const session = sessionOf(response)
  if (session !== undefined && !session.closed) session.close()
}
