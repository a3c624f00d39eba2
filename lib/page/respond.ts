// Answers with the headers that every one of them has.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Assets, pageAssets } from './assets'
import { closesWith, lastHeaders } from './ending'

export interface Answer {
  statusCode: number
  type: string
  body: string
  headers?: Record<string, string>
  /** What a page has in it. @default those of a board's page */
  assets?: Assets
}

const NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Nothing from anywhere but this page's own style and script, by their hashes. */
function pagePolicy({ style, script }: Assets): string {
  return [
    "default-src 'none'",
    `style-src ${style.hash}`,
    `script-src ${script.hash}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function baseHeaders(policy: string): Record<string, string> {
  return {
    'Content-Security-Policy': policy,
    'Cache-Control': 'no-store, no-transform',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Robots-Tag': 'noindex, nofollow',
  }
}

export function answer(request: IncomingMessage, response: ServerResponse, what: Answer): void {
  const { statusCode, type, body, headers } = what
  const isPage = type.startsWith('text/html')
  response.writeHead(statusCode, {
    ...baseHeaders(isPage ? pagePolicy(what.assets ?? pageAssets()) : NOTHING),
    'Content-Type': type,
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

export function answerText(
  request: IncomingMessage,
  response: ServerResponse,
  statusCode: number,
  text: string,
  headers?: Record<string, string>,
): void {
  answer(request, response, {
    statusCode,
    type: 'text/plain; charset=utf-8',
    body: text.endsWith('\n') ? text : `${text}\n`,
    headers,
  })
}

/** Says why not now, and gives up the connection: a server may be waiting for it to close. */
export function answerUnavailable(request: IncomingMessage, response: ServerResponse, why: string): void {
  answerText(request, response, 503, why, { 'Retry-After': '5', ...lastHeaders(request) })
  closesWith(response)
}

/** Writes the head of a stream of server-sent events. */
export function beginEvents(response: ServerResponse): void {
  response.writeHead(200, {
    ...baseHeaders(NOTHING),
    // Its end is the end of the connection: a server that closes does not wait for a browser to let go.
    ...lastHeaders(response.req),
    'Content-Type': 'text/event-stream; charset=utf-8',
    // nginx would otherwise collect what should arrive now.
    'X-Accel-Buffering': 'no',
  })
}
