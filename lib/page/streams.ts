// Open pages: responses that stay open and are sent server-sent events. What a slow one has not read is
// bounded: it misses frames instead, and gets everything anew once it has caught up.

import type { ServerResponse } from 'node:http'
import { closesWith, isLeft } from './ending'

/** A page with more than this unread gets nothing more until it has read all of it. */
const MOST_UNREAD_BYTES = 1024 * 1024
/** A page that reads nothing for so long is taken for gone. */
const LONGEST_BEHIND_MS = 30_000
const GOODBYE_MS = 2000

/** One server-sent event. JSON has no line breaks, so it is one line. */
export function frame(event: string, data: unknown): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}

interface Page {
  response: ServerResponse
  /** Since when it has missed frames, by performance.now(). */
  behindSince: number | undefined
}

/** How soon the pages of a server that closes are let go. To ask costs next to nothing. */
const LOOK_MS = 200

export class Streams {
  readonly #pages = new Set<Page>()
  readonly #everything: () => Buffer
  readonly #onEmpty: () => void
  #lookout: NodeJS.Timeout | undefined

  /**
   * @param everything what a page needs that knows nothing yet
   * @param onEmpty called when the last page has gone
   */
  constructor(everything: () => Buffer, onEmpty: () => void) {
    this.#everything = everything
    this.#onEmpty = onEmpty
  }

  get size(): number {
    return this.#pages.size
  }

  /** Takes over a response whose head has been written. */
  add(response: ServerResponse): void {
    const page: Page = { response, behindSince: undefined }
    this.#pages.add(page)
    this.#lookout ??= setInterval(() => this.#leaveClosing(), LOOK_MS).unref()
    response.on('drain', () => this.#caughtUp(page))
    response.on('error', () => response.destroy())
    response.once('close', () => {
      if (this.#pages.delete(page)) this.#noteEmpty()
    })
    // Come back in two seconds when the connection breaks.
    response.write('retry: 2000\n\n')
    response.write(this.#everything())
  }

  /** Sends a frame to every page that keeps up. */
  send(data: Buffer): void {
    for (const page of this.#pages) {
      const { response } = page
      if (page.behindSince !== undefined) {
        if (performance.now() - page.behindSince > LONGEST_BEHIND_MS) response.destroy()
      } else if (unreadBytes(response) > MOST_UNREAD_BYTES) {
        page.behindSince = performance.now()
      } else {
        response.write(data)
      }
    }
  }

  /** Ends all of them. Browsers come back by themselves. */
  end(): void {
    const pages = [...this.#pages]
    this.#pages.clear()
    this.#stopLooking()
    for (const page of pages) goodbye(page)
  }

  /** `server.close()` waits for every connection, and tells nobody that it waits. */
  #leaveClosing(): void {
    for (const page of this.#pages) {
      if (!isLeft(page.response.req)) continue
      this.#pages.delete(page)
      goodbye(page)
    }
    this.#noteEmpty()
  }

  #noteEmpty(): void {
    if (this.#pages.size > 0) return
    this.#stopLooking()
    this.#onEmpty()
  }

  #stopLooking(): void {
    clearInterval(this.#lookout)
    this.#lookout = undefined
  }

  #caughtUp(page: Page): void {
    if (page.behindSince === undefined || !this.#pages.has(page)) return
    page.behindSince = undefined
    page.response.write(this.#everything())
  }
}

function goodbye({ response }: Page): void {
  response.end()
  closesWith(response)
  // A page that does not even read the end is not waited for.
  const late = setTimeout(() => response.destroy(), GOODBYE_MS).unref()
  response.once('close', () => clearTimeout(late))
}

/** Of HTTP/2, the response itself does not say. */
function unreadBytes(response: ServerResponse): number {
  const { stream } = response as { stream?: { writableLength: number } }
  return response.writableLength ?? stream?.writableLength ?? 0
}
