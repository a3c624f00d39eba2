// What `serve` does: opens the board and the queues, listens, and ends cleanly.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'

import { statusHandler } from '../../page/handler'
import type { WatchdogQueue } from '../../queue/watchdog-queue'
import type { ServerOptions } from '../parse/queue-flags'
import { CliError, EXIT } from '../support/exit-codes'
import { type BoardFlags, openToRead } from '../support/open-board'
import { openQueue } from '../support/open-queue'
import { note, print } from '../support/output'
import { StopSignal } from '../support/stop-signal'

export interface ServeOptions extends BoardFlags, ServerOptions {
  port: number
  host: string
  allow?: string[]
  token?: string
  tokenFile?: string
  name?: string[]
  trustProxy?: string[]
  queue?: string[]
  sharedDirectory?: boolean
  /** Milliseconds. */
  stale: number
  blocked?: number
  title?: string
  json?: boolean
}

/** Serves until somebody ends it. */
export async function serve(dir: string, options: ServeOptions): Promise<void> {
  const token = options.tokenFile ?? options.token
  using stop = new StopSignal()
  using board = await openToRead(dir, options)
  // By URLs, of which one may be called `constructor`.
  const queues: Record<string, WatchdogQueue> = Object.create(null)
  try {
    const { auth, authFile, tls, tlsCa, tlsCert, tlsKey, sharedDirectory } = options
    const asked = { auth, authFile, tls, tlsCa, tlsCert, tlsKey }
    for (const url of options.queue ?? []) {
      queues[url] ??= await openQueue({ ...asked, queue: url, sharedDirectory }, stop.signal)
    }
    const handler = statusHandler(board, {
      allow: options.allow,
      token,
      hosts: options.name,
      trustProxy: options.trustProxy,
      queues,
      staleAfterMs: options.stale,
      blockedAfterMs: options.blocked,
      title: options.title,
    })
    const server = createServer(onlyHere(handler))
    await listen(server, options)
    tell(server, { ...options, token })
    if (!stop.signal.aborted) await once(stop.signal, 'abort')
    handler.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  } catch (error) {
    // A wait for a queue that was interrupted is no failure.
    if (!stop.signal.aborted) throw error
  } finally {
    await Promise.all(Object.values(queues).map((queue) => queue.close()))
  }
  process.exitCode = stop.exitCode
}

/** This server has the page and nothing else. */
function onlyHere(handler: (request: IncomingMessage, response: ServerResponse) => void) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url!.replace(/[?#].*$/s, '')
    if (path === '/' || path === '/metrics') return handler(request, response)
    response.writeHead(404, {
      'Content-Type': 'text/plain; charset=utf-8',
      'X-Content-Type-Options': 'nosniff',
    })
    response.end('Nothing is here: the page is at /, metrics are at /metrics.\n')
  }
}

async function listen(server: Server, { port, host }: ServeOptions): Promise<void> {
  try {
    server.listen({ port, host })
    await once(server, 'listening')
  } catch (error) {
    throw cannotListen(error as NodeJS.ErrnoException, port, host)
  }
}

function cannotListen(cause: NodeJS.ErrnoException, port: number, host: string): Error {
  const where = `Cannot listen on ${host} port ${port}`
  switch (cause.code) {
    case 'EADDRINUSE':
      return new CliError(
        EXIT.tryAgain,
        `${where}: something listens there already; give another --port, or --port 0 for a free one`,
        { cause },
      )
    case 'EACCES':
      return new CliError(EXIT.permission, `${where}: ports below 1024 are for root; give another --port`, {
        cause,
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CliError(EXIT.usage, `${where}: that is no address of this machine; see --host`, { cause })
    default:
      return cause
  }
}

function tell(server: Server, { host, json, token, allow }: ServeOptions): void {
  const { address, port } = server.address() as AddressInfo
  const isEverywhere = address === '0.0.0.0' || address === '::'
  const shown = isEverywhere ? 'localhost' : isIP(host) === 6 ? `[${host}]` : host
  const url = `http://${shown}:${port}/`
  if (json) print(JSON.stringify({ url, port, pid: process.pid }))
  else print(`serving ${url}`)
  const isLoopback = address === '127.0.0.1' || address === '::1'
  if (!isLoopback && token === undefined && allow === undefined) {
    note('listening on a network, but only this machine may look; see --allow and --token')
  }
}
