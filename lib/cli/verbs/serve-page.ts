// What `serve` does: opens the board and the queues, listens, and ends cleanly.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'

import { setTimeout as delay } from 'node:timers/promises'

import { Fleet } from '../../fleet/fleet'
import { fleetHandler } from '../../page/fleet-handler'
import { type StatusHandler, statusHandler } from '../../page/handler'
import type { WatchdogQueue } from '../../queue/watchdog-queue'
import type { Scoreboard } from '../../scoreboard/scoreboard'
import type { ServerOptions } from '../parse/queue-flags'
import { isFleet } from '../support/board-or-fleet'
import { CliError, EXIT, exitCodeOf } from '../support/exit-codes'
import { type BoardFlags, openToRead } from '../support/open-board'
import { fleetOptions } from '../support/open-fleet'
import { openQueue, withPlaceHint } from '../support/open-queue'
import { note, print } from '../support/output'
import { StopSignal } from '../support/stop-signal'
import { Cleaner } from './serve-cleanup'

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
  cleanup?: boolean
  /** Milliseconds after which the dead are cleaned up. */
  cleanupAfter?: number
  /** Whether to wait for a board that is not there yet. */
  wait?: boolean
  json?: boolean
}

/** Serves until somebody ends it. */
export async function serve(dir: string, options: ServeOptions): Promise<void> {
  const ofFleet = isFleet(dir, options)
  const token = options.tokenFile ?? options.token
  using stop = new StopSignal()
  let opened: Scoreboard | Fleet | undefined
  // By URLs, of which one may be called `constructor`.
  const queues: Record<string, WatchdogQueue> = Object.create(null)
  try {
    for (const url of options.queue ?? []) {
      // Whole: a flag of servers that is new is one of theirs, too.
      queues[url] ??= await openQueue({ ...options, queue: url }, stop.signal)
    }
    let handler: StatusHandler | undefined
    const page = {
      allow: options.allow,
      token,
      hosts: options.name,
      trustProxy: options.trustProxy,
      queues,
      staleAfterMs: options.stale,
      blockedAfterMs: options.blocked,
      title: options.title,
    }
    const begin = (board: Scoreboard | Fleet) => {
      opened = board
      handler = board instanceof Fleet ? fleetHandler(board, page) : statusHandler(board, page)
    }
    const open = (): Promise<Scoreboard | Fleet> =>
      ofFleet ? openFleet(dir, options, stop.signal) : openToRead(dir, options)
    if (!options.wait) begin(await open())
    const server = createServer(onlyHere((request, response) => (handler ?? noBoardYet)(request, response)))
    await listen(server, options)
    tell(server, { ...options, token })
    const late = handler === undefined ? await waitForBoard(open, stop.signal) : undefined
    if (late !== undefined) begin(late)
    if (!stop.signal.aborted) await Promise.race([once(stop.signal, 'abort'), keepClean(dir, options, stop)])
    handler?.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  } catch (error) {
    // A wait for a queue that was interrupted is no failure.
    if (!stop.signal.aborted) throw error
  } finally {
    await opened?.close()
    await Promise.all(Object.values(queues).map((queue) => queue.close()))
  }
  process.exitCode = stop.exitCode
}

/** Where that was asked for; ends with an error where it cannot be done. */
async function keepClean(dir: string, options: ServeOptions, { signal }: StopSignal): Promise<void> {
  const { cleanup, cleanupAfter } = options
  if (!cleanup && cleanupAfter === undefined) return new Promise(() => {})
  const cleaner = new Cleaner(dir, options, cleanupAfter ?? CLEANUP_AFTER_MS)
  await cleaner.clean()
  await cleaner.run(signal)
}

const CLEANUP_AFTER_MS = 5 * 60_000
const LOOK_FOR_BOARD_MS = 500

/** Until the first worker has made one. What else is wrong with it is an error, as without the wait. */
async function waitForBoard<B>(open: () => Promise<B>, signal: AbortSignal): Promise<B | undefined> {
  while (!signal.aborted) {
    try {
      return await open()
    } catch (error) {
      if (exitCodeOf(error) !== EXIT.notFound) throw error
    }
    await delay(LOOK_FOR_BOARD_MS, undefined, { signal }).catch(() => {})
  }
  return undefined
}

async function openFleet(url: string, options: ServeOptions, signal: AbortSignal): Promise<Fleet> {
  try {
    return await Fleet.connect(url, fleetOptions(options, signal))
  } catch (error) {
    throw withPlaceHint(error, url, 'fleet')
  }
}

function noBoardYet(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(503, {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    'Retry-After': '5',
    Connection: 'close',
  })
  response.end('There is no board yet: no worker has made one.\n')
}

/** Where scrapers of Apache look by themselves. */
const PATHS = new Set(['/', '/metrics', '/sd', '/server-status', '/server-status/metrics'])

/** This server has the page and nothing else. */
function onlyHere(handler: (request: IncomingMessage, response: ServerResponse) => void) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url!.replace(/[?#].*$/s, '')
    if (PATHS.has(path)) return handler(request, response)
    response.writeHead(404, {
      'Content-Type': 'text/plain; charset=utf-8',
      'X-Content-Type-Options': 'nosniff',
    })
    response.end('Nothing is here: the page is at / and /server-status, metrics are at /metrics.\n')
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
