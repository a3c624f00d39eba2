// HTTP for tests: servers that live as long as one test, requests exactly as written, and streams of
// server-sent events.

import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Hundreds of pages are sent the same: it is parsed for all of them. Nobody may change it. */
const parsed = new Map<string, unknown>()

function parseOnce(text: string): unknown {
  if (!parsed.has(text)) parsed.set(text, JSON.parse(text))
  if (parsed.size > 8) parsed.delete(parsed.keys().next().value!)
  return parsed.get(text)
}

const servers: Server[] = []
const streams: EventStream[] = []

/** Listens on a free port of loopback until the test is over. */
export async function listen(
  handler: (request: IncomingMessage, response: import('node:http').ServerResponse) => void,
): Promise<{ server: Server; port: number; url: string }> {
  const server = createServer(handler)
  return listening(server)
}

/** The same for a server that is made already. */
export async function listening(server: Server): Promise<{ server: Server; port: number; url: string }> {
  servers.push(server)
  if (!server.listening) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { server, port, url: `http://127.0.0.1:${port}/` }
}

export interface Reply {
  status: number
  headers: IncomingMessage['headers']
  body: string
}

export interface Ask {
  method?: string
  /** Sent as it is. */
  path?: string
  headers?: OutgoingHttpHeaders
  /** The address to come from. */
  localAddress?: string
  host?: string
}

export function ask(port: number, what: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/', agent: false, ...what }
    const sent = request(options, (reply) => {
      let body = ''
      reply.setEncoding('utf8')
      reply.on('data', (text) => {
        body += text
      })
      reply.on('end', () => resolve({ status: reply.statusCode!, headers: reply.headers, body }))
      reply.on('error', reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

export interface ServerEvent {
  event: string
  data: unknown
}

/** Server-sent events as they come, parsed. */
export class EventStream {
  readonly headers: IncomingMessage['headers']
  readonly #response: IncomingMessage
  readonly ended: Promise<void>
  #rest = ''

  private constructor(response: IncomingMessage, onEvent: (event: ServerEvent) => void) {
    this.headers = response.headers
    this.#response = response
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      const parts = (this.#rest + text).split('\n\n')
      this.#rest = parts.pop()!
      for (const part of parts) {
        const match = /^event: (.*)\ndata: (.*)$/.exec(part)
        if (match) onEvent({ event: match[1]!, data: parseOnce(match[2]!) })
      }
    })
    response.on('error', () => {})
    this.ended = new Promise((resolve) => response.once('close', resolve))
  }

  static open(port: number, onEvent: (event: ServerEvent) => void, path = '/?events'): Promise<EventStream> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
        const stream = new EventStream(response, onEvent)
        streams.push(stream)
        resolve(stream)
      })
      sent.on('error', reject)
      sent.end()
    })
  }

  /** Stops reading, as a page does that has fallen asleep. */
  pause(): void {
    this.#response.pause()
  }

  resume(): void {
    this.#response.resume()
  }

  close(): void {
    this.#response.destroy()
  }
}

afterEach('end the servers', async () => {
  for (const stream of streams.splice(0)) stream.close()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})
