// What the status page's HTTP handler does: it tells the addresses apart, and answers each.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { doesNotCount } from '../http/observers'
import { CONTENT_TYPES, metricsFormat } from '../metrics/exposition'
import type { Scoreboard } from '../scoreboard/scoreboard'
import { escapeControls } from '../view/escape-controls'
import { ownerKey } from '../view/rates'
import { blockedForMs } from '../view/worker-state'
import { Access } from './access'
import { renderAuto, renderStatusJson } from './auto'
import { findWorker, workerDetails } from './details'
import { isLeft, lastHeaders } from './ending'
import { BoardFeed, type Picture } from './feed'
import { type CheckedHandlerOptions, checkHandlerOptions, type StatusHandlerOptions } from './handler-options'
import { type Html, html } from './html'
import { readChoice } from './order'
import { renderPage, renderTick } from './page'
import { answer, answerText, answerUnavailable, beginEvents } from './respond'

const CHALLENGE = 'Bearer realm="rollcall", Basic realm="rollcall", charset="UTF-8"'
const CLOSED = 'This page is closed.'

/** One status page: who may see it, and what each address answers. */
export class StatusPage {
  readonly #options: CheckedHandlerOptions
  readonly #access: Access
  readonly #feed: BoardFeed
  #isClosed = false

  /** @throws {TypeError | RangeError} an option is wrong */
  constructor(board: Scoreboard, options: StatusHandlerOptions) {
    this.#options = checkHandlerOptions(options)
    this.#access = new Access(this.#options.rules)
    this.#feed = new BoardFeed(board, { ...this.#options, renderTick })
  }

  close(): void {
    this.#isClosed = true
    this.#feed.close()
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    doesNotCount(response)
    this.#handle(request, response).catch((error: unknown) => {
      if (response.headersSent) {
        response.destroy()
        return
      }
      const message = error instanceof Error ? error.message : String(error)
      answerUnavailable(request, response, `The board cannot be shown now: ${escapeControls(message)}`)
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
    if (request.method === 'POST' && query.has('why')) return this.#why(request, response, query)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return answerText(request, response, 405, 'Only GET and HEAD are known here.', { Allow: 'GET, HEAD' })
    }
    if (this.#isClosed) return answerUnavailable(request, response, CLOSED)
    if (isLast && query.has('events')) return answerUnavailable(request, response, 'This server is closing.')
    if (query.has('events')) return this.#events(request, response)
    const details = query.get('details')
    if (details !== null) return this.#details(request, response, details)
    if (query.has('json')) return this.#json(request, response)
    if (query.has('auto')) return this.#auto(request, response)
    if (query.has('metrics') || /\/metrics\/?$/.test(path)) return this.#metrics(request, response)
    if (verdict.cookie !== undefined) return redirect(request, response, query, verdict.cookie)
    return this.#page(request, response, query)
  }

  async #page(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const { title } = this.#options
    const canAskWhy = this.#access.bearsToken(request, query.get('token'))
    const picture = await this.#feed.look()
    const choice = readChoice(query)
    const details = choice.worker === undefined ? undefined : this.#detailsOf(picture, choice.worker)
    const body = renderPage(picture, choice, { title, canAskWhy }, details)
    answer(request, response, { statusCode: 200, type: 'text/html; charset=utf-8', body })
  }

  /** A piece of the page: everything about one worker. */
  async #details(request: IncomingMessage, response: ServerResponse, key: string): Promise<void> {
    const body = this.#detailsOf(await this.#feed.look(), key).text
    answer(request, response, { statusCode: 200, type: 'text/html; charset=utf-8', body })
  }

  #detailsOf({ board }: Picture, key: string): Html {
    const snapshot = board.snapshot({ includeDead: true, vitals: true })
    const worker = findWorker(snapshot, key)
    const { takenAt } = snapshot
    if (worker !== undefined) return workerDetails(worker, { takenAt, baseDir: board.baseDir }, this.#options)
    return html`<p class="note">This worker is not on the board any more.</p>`
  }

  /** Where a worker hangs. It opens a process, so whoever may only look may not; and no other site's script can send it. */
  async #why(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    if (!this.#access.bearsToken(request, query.get('token'))) {
      return answerText(
        request,
        response,
        403,
        "Only whoever has the option 'token' may look into a process.",
      )
    }
    if (request.headers['x-rollcall'] !== 'why') {
      return answerText(
        request,
        response,
        403,
        'This needs the header X-Rollcall: why, which no other site can send.',
      )
    }
    const { board } = await this.#feed.look()
    const worker = board.snapshot().workers.find((one) => ownerKey(one) === query.get('why'))
    if (worker === undefined) return answerText(request, response, 404, 'This worker has gone.')
    const { stackOnBoard } = await import('../why/on-board.js')
    const { blockedText, stackLines } = await import('../why/stack-text.js')
    const stack = await stackOnBoard(board, worker)
    const blocked = blockedText(blockedForMs(worker, this.#options.blockedMs))
    answerText(request, response, 200, [`pid ${worker.pid}, ${blocked}`, ...stackLines(stack), ''].join('\n'))
  }

  async #json(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const picture = await this.#feed.look()
    const snapshot = picture.board.snapshot({ includeDead: true, vitals: true })
    const body = renderStatusJson(picture, snapshot, this.#options)
    answer(request, response, { statusCode: 200, type: 'application/json; charset=utf-8', body })
  }

  async #auto(request: IncomingMessage, response: ServerResponse): Promise<void> {
    answerText(request, response, 200, renderAuto(await this.#feed.look()))
  }

  async #metrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const format = metricsFormat(request.headers.accept)
    const body = await this.#feed.metrics(format)
    answer(request, response, { statusCode: 200, type: CONTENT_TYPES[format], body })
  }

  async #events(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.#feed.follow(() => {
      if (response.destroyed) return undefined
      // It was closed while the queues were asked.
      if (this.#isClosed) {
        answerUnavailable(request, response, CLOSED)
        return undefined
      }
      if (this.#feed.openPages >= this.#options.maxPages) {
        answerText(request, response, 503, 'Too many pages are open.', { 'Retry-After': '5' })
        return undefined
      }
      beginEvents(response)
      if (request.method !== 'HEAD') return response
      response.end()
      return undefined
    })
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
