// Puts the status of a worker that serves requests on its board, and the numbers into the board's counters. Nothing
// that goes wrong with the board reaches the server.

import type { Scoreboard } from '../scoreboard/scoreboard'
import { adderOf } from './add-to-counter'
import { requestCountsOf } from './request-counts'
import { type RequestPieces, StatusText } from './request-json'
import type { RequestState } from './request-status'

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000
/** After which a handle never takes anything again. */
const FOR_GOOD: ReadonlySet<unknown> = new Set(['ERR_CLOSED', 'ERR_READ_ONLY'])
/** How often a worker that has nothing to say looks whether its board is still there. */
const LOOK_AFTER_BOARD_MS = 2000

export class RequestPublisher {
  requests = 0
  bytes = 0
  /** Hears the first thing that goes wrong. */
  onError: ((error: Error) => void) | undefined
  readonly #board: Scoreboard
  readonly #text = new StatusText()
  #addRequest: ((n: number) => void) | undefined
  #addBytes: ((n: number) => void) | undefined
  /** Which of its handle's boards the counters are of; -1: they have not been looked for. */
  #counted = -1
  #lookout: NodeJS.Timeout | undefined
  #hasTold = false
  /** The board is left alone for a while, or for good: it did not take what it was given. */
  #isPaused = false
  #pauseMs = FIRST_PAUSE_MS
  readonly #onResume: () => void

  /** @param onResume is called when the board may be tried again, after something was not published */
  constructor(board: Scoreboard, onResume: () => void) {
    this.#board = board
    this.#onResume = onResume
  }

  countRequest(): void {
    this.requests += 1
    this.#addRequest?.(1)
  }

  countBytes(bytes: number): void {
    this.bytes += bytes
    this.#addBytes?.(bytes)
  }

  /**
   * Never throws.
   *
   * @param request undefined until there was one
   * @param numbers from `numbersPiece()`
   */
  publish(state: RequestState, request: RequestPieces | undefined, inFlight: number, numbers: string): void {
    if (this.#isPaused) return
    try {
      if (request === undefined || !this.#publishRequest(state, request, inFlight, numbers)) {
        // Also on a board whose slots hold little.
        const { bytes } = this.#text
        this.#board.updateJsonBytes(bytes, this.#text.writeNumbers(state, inFlight, numbers))
      }
      this.#pauseMs = FIRST_PAUSE_MS
      if (this.#counted !== this.#board.generation) this.#findCounters()
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    this.#isPaused = true
    this.#text.forget()
    if (!isForGood(error)) this.#resumeLater()
    // Its board was deleted or replaced, and there will be another: no error until that fails.
    if ((error as { code?: unknown } | null)?.code !== 'ERR_BOARD_REPLACED') this.tell(error)
  }

  /** Begins, or ends, to look after a board that nobody has anything to tell. */
  lookAfterBoard(begins: boolean): void {
    clearInterval(this.#lookout)
    this.#lookout = begins ? setInterval(this.#lookAfterBoard, LOOK_AFTER_BOARD_MS).unref() : undefined
  }

  readonly #lookAfterBoard = (): void => {
    if (this.#isPaused) return
    // Whoever else uses this handle may have opened the next board already.
    if (this.#isInPlace() ? this.#board.generation !== this.#counted : this.#reopen()) this.#onResume()
  }

  /** A handle of a copy of the package that cannot say counts as in its place. */
  #isInPlace(): boolean {
    return this.#board.isInPlace !== false
  }

  /** Whether the board is there now. */
  #reopen(): boolean {
    try {
      this.#board.reopen()
      return true
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  /** The board may be full or busy now and not for ever; to try takes longer than a request should wait. */
  #resumeLater(): void {
    const resume = () => {
      this.#isPaused = false
      if (this.#isInPlace() || this.#reopen()) this.#onResume()
    }
    setTimeout(resume, this.#pauseMs).unref()
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS)
  }

  /** False: it does not fit. */
  #publishRequest(state: RequestState, request: RequestPieces, inFlight: number, numbers: string): boolean {
    const length = this.#text.write(state, request, inFlight, numbers)
    return length === 0 || this.#board.updateJsonBytes(this.#text.bytes, length)
  }

  tell(error: unknown): void {
    if (this.#hasTold) return
    this.#hasTold = true
    try {
      this.onError?.(error instanceof Error ? error : new Error(String(error)))
    } catch {
      // Whoever hears of errors must not make one for the request.
    }
  }

  /** After the first update, because asking for counters claims a slot. */
  #findCounters(): void {
    this.#counted = this.#board.generation
    this.#addRequest = this.#adderOf('requests')
    this.#addBytes = this.#adderOf('bytes')
    this.#addRequest?.(this.requests)
    this.#addBytes?.(this.bytes)
  }

  /** Where the board has no such counter, one beside it: what a worker has served must not be forgotten with it. */
  #adderOf(name: 'requests' | 'bytes'): ((n: number) => void) | undefined {
    const own = adderOf(this.#board, name)
    if (own !== undefined) return own
    try {
      return requestCountsOf(this.#board).adderOf(name)
    } catch {
      // A directory that this user may not write to: then the status alone says it.
      return undefined
    }
  }
}

/** Not by instanceof: another copy of the package is as good. */
function isForGood(error: unknown): boolean {
  return FOR_GOOD.has((error as { code?: unknown } | null)?.code)
}
