// What the status page's HTTP handler does: it tells the addresses apart, and answers each.

import type { ServerResponse } from 'node:http'
import { CONTENT_TYPES, metricsFormat } from '../metrics/exposition'
import type { Scoreboard } from '../scoreboard/scoreboard'
import { ownerKey } from '../view/rates'
import { renderAuto, renderStatusJson } from './auto'
import { findWorker, workerDetails } from './details'
import { BoardFeed, type Picture } from './feed'
import { checkHandlerOptions, type StatusHandlerOptions } from './handler-options'
import { type Html, html } from './html'
import { renderPage, renderTick } from './page'
import { type Asked, PageDoor } from './page-door'
import { answer, answerText } from './respond'
import { readChoice } from './row-order'

/** One status page: what each address answers. */
export class StatusPage extends PageDoor {
  readonly #feed: BoardFeed

  /** @throws {TypeError | RangeError} an option is wrong */
  constructor(board: Scoreboard, options: StatusHandlerOptions) {
    super(checkHandlerOptions(options, 'statusHandler()'), 'board')
    this.#feed = new BoardFeed(board, { ...this.options, renderTick })
  }

  override close(): void {
    super.close()
    this.#feed.close()
  }

  protected get openPages(): number {
    return this.#feed.openPages
  }

  protected follow(_asked: Asked, begin: () => ServerResponse | undefined): Promise<void> {
    return this.#feed.follow(begin)
  }

  protected override mayAsk(asked: Asked): boolean {
    return super.mayAsk(asked) || isAboutWhy(asked)
  }

  protected isForPeople({ request, path, query }: Asked): boolean {
    const isOther = ['details', 'json', 'auto', 'metrics'].some((name) => query.has(name))
    return request.method !== 'POST' && !isOther && !isMetricsPath(path)
  }

  protected answer(asked: Asked): Promise<void> | void {
    const { path, query } = asked
    if (isAboutWhy(asked)) return this.#why(asked)
    const details = query.get('details')
    if (details !== null) return this.#details(asked, details)
    if (query.has('json')) return this.#json(asked)
    if (query.has('auto')) return this.#auto(asked)
    if (query.has('metrics') || isMetricsPath(path)) return this.#metrics(asked)
    return this.#page(asked)
  }

  async #page({ request, response, query, hasToken }: Asked): Promise<void> {
    const { title } = this.options
    const picture = await this.#feed.look()
    const choice = readChoice(query)
    const details = choice.worker === undefined ? undefined : this.#detailsOf(picture, choice.worker)
    const body = renderPage(picture, choice, { title, canAskWhy: hasToken }, details)
    answer(request, response, { statusCode: 200, type: 'text/html; charset=utf-8', body })
  }

  /** A piece of the page: everything about one worker. */
  async #details({ request, response }: Asked, key: string): Promise<void> {
    const body = this.#detailsOf(await this.#feed.look(), key).text
    answer(request, response, { statusCode: 200, type: 'text/html; charset=utf-8', body })
  }

  #detailsOf({ board }: Picture, key: string): Html {
    const snapshot = board.snapshot({ includeDead: true, vitals: true })
    const worker = findWorker(snapshot.workers, key)
    const { takenAt } = snapshot
    if (worker !== undefined) return workerDetails(worker, { takenAt, baseDir: board.baseDir }, this.options)
    return html`<p class="note">This worker is not on the board any more.</p>`
  }

  /** Where a worker hangs. It opens a process, so whoever may only look may not; and no other site's script can send it. */
  async #why({ request, response, query, hasToken }: Asked): Promise<void> {
    if (!hasToken) {
      return answerText(
        request,
        response,
        403,
        "Only whoever has the page's token may look into a process: set one by option 'token' (rollcall serve --token).",
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
    const { loopText, stackLines } = await import('../why/stack-text.js')
    const stack = await stackOnBoard(board, worker)
    const loop = loopText(worker, stack, this.options.blockedMs)
    answerText(request, response, 200, [`pid ${worker.pid}, ${loop}`, ...stackLines(stack), ''].join('\n'))
  }

  async #json({ request, response }: Asked): Promise<void> {
    const picture = await this.#feed.look()
    const snapshot = picture.board.snapshot({ includeDead: true, vitals: true })
    const body = renderStatusJson(picture, snapshot, this.options)
    answer(request, response, { statusCode: 200, type: 'application/json; charset=utf-8', body })
  }

  async #auto({ request, response }: Asked): Promise<void> {
    answerText(request, response, 200, renderAuto(await this.#feed.look()))
  }

  async #metrics({ request, response }: Asked): Promise<void> {
    const format = metricsFormat(request.headers.accept)
    const body = await this.#feed.metrics(format)
    answer(request, response, { statusCode: 200, type: CONTENT_TYPES[format], body })
  }
}

const isAboutWhy = ({ request, query }: Asked) => request.method === 'POST' && query.has('why')

export const isMetricsPath = (path: string) => /\/metrics\/?$/.test(path)
