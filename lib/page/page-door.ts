// What every page's handler does before it answers: who may look, what is asked for, and what is said where the answer
// cannot be given.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { doesNotCount } from '../http/observers'
import { escapeControls } from '../view/escape-controls'
import { Access } from './access'
import { isLeft, lastHeaders } from './ending'
import type { CheckedHandlerOptions } from './handler-options'
import { answerText, answerUnavailable, beginEvents } from './respond'

const CHALLENGE = 'Bearer realm="rollcall", Basic realm="rollcall", charset="UTF-8"'
const CLOSED = 'This page is closed.'

/** A request that may be answered. */
export interface Asked {
  request: IncomingMessage
  response: ServerResponse
  path: string
  query: URLSearchParams
  /** Whether it has the token, not only an address that may look. */
  hasToken: boolean
}

export abstract class PageDoor {
  protected readonly options: CheckedHandlerOptions
  readonly #access: Access
  /** `board`, for what is said when it cannot be shown. */
  readonly #what: string
  #isClosed = false

  protected constructor(options: CheckedHandlerOptions, what: string) {
    this.options = options
    this.#access = new Access(options.rules)
    this.#what = what
  }

  close(): void {
    this.#isClosed = true
  }

  /** Answers a request; what it throws is said to be unavailable. */
  protected abstract answer(asked: Asked): Promise<void> | void

  /** Keeps a response up to date until it is closed; it begins with `begin()`, unless that gives nothing. */
  protected abstract follow(asked: Asked, begin: () => ServerResponse | undefined): Promise<void>

  protected abstract get openPages(): number

  handle(request: IncomingMessage, response: ServerResponse): void {
    doesNotCount(response)
    this.#handle(request, response).catch((error: unknown) => {
      if (response.headersSent) {
        response.destroy()
        return
      }
      const message = error instanceof Error ? error.message : String(error)
      const why = `The ${this.#what} cannot be shown now: ${escapeControls(message)}`
      answerUnavailable(request, response, why)
    })
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isLast = this.#isClosed || isLeft(request)
    if (isLast)
      for (const [name, value] of Object.entries(lastHeaders(request))) response.setHeader(name, value)
    const { path, query } = parseTarget(request.url ?? '/')
    const token = query.get('token')
    const verdict = this.#access.judge(request, token)
    if (!verdict.isAllowed) {
      const { statusCode, reason } = verdict
      const challenge = statusCode === 401 ? { 'WWW-Authenticate': CHALLENGE } : undefined
      return answerText(request, response, statusCode, reason, challenge)
    }
    const asked = { request, response, path, query, hasToken: this.#access.bearsToken(request, token) }
    if (!this.mayAsk(asked)) {
      return answerText(request, response, 405, 'Only GET and HEAD are known here.', { Allow: 'GET, HEAD' })
    }
    if (this.#isClosed) return answerUnavailable(request, response, CLOSED)
    if (isLast && query.has('events')) return answerUnavailable(request, response, 'This server is closing.')
    if (query.has('events')) return this.follow(asked, () => this.#begin(asked))
    const isPage = verdict.cookie !== undefined && this.isForPeople(asked)
    if (isPage) return redirect(request, response, query, verdict.cookie!)
    return this.answer(asked)
  }

  /** Whether there is an answer to such a request. */
  protected mayAsk({ request }: Asked): boolean {
    return request.method === 'GET' || request.method === 'HEAD'
  }

  /** Whether the answer is the page itself, whose address somebody keeps. */
  protected abstract isForPeople(asked: Asked): boolean

  #begin({ request, response }: Asked): ServerResponse | undefined {
    if (response.destroyed) return undefined
    // It was closed while something was asked.
    if (this.#isClosed) {
      answerUnavailable(request, response, CLOSED)
      return undefined
    }
    if (this.openPages >= this.options.maxPages) {
      answerText(request, response, 503, 'Too many pages are open.', { 'Retry-After': '5' })
      return undefined
    }
    beginEvents(response)
    if (request.method !== 'HEAD') return response
    response.end()
    return undefined
  }
}

/** The path and the query of a request's target, whatever form it has. */
function parseTarget(target: string): { path: string; query: URLSearchParams } {
  const [beforeHash] = target.split('#', 1)
  const at = beforeHash!.indexOf('?')
  if (at < 0) return { path: beforeHash!, query: new URLSearchParams() }
  return { path: beforeHash!.slice(0, at), query: new URLSearchParams(beforeHash!.slice(at + 1)) }
}

/** A token must not stay in the address bar, in histories and in bookmarks: the cookie has it from now on. */
function redirect(
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
  cookie: string,
): void {
  query.delete('token')
  // Relative, so it leads nowhere else, wherever this is mounted.
  const headers = { Location: `?${query}`, 'Set-Cookie': cookie }
  answerText(request, response, 303, 'Go on without the token in the address.', headers)
}
