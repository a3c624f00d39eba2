// `--board DIR`: each command that runs is a worker of that board, whatever it is written in: what it works on, for
// how long, and the last line it wrote.

import type { Scoreboard } from '../../scoreboard/scoreboard'
import { itemBytes } from '../parse/items'

const EVERY_MS = 1000
const MAX_LINE = 200
const MAX_ITEM = 300

/** One place on the board, for one command after the other. */
export class CommandPlace {
  readonly #board: Scoreboard
  #now: { item: string; attempt: number; since: number; output: string } | undefined
  #rest = ''
  #timer: NodeJS.Timeout | undefined

  private constructor(board: Scoreboard) {
    this.#board = board
  }

  static async claim(baseDir: string, workerId: string): Promise<CommandPlace> {
    const { Scoreboard } = await import('../../scoreboard/scoreboard.js')
    const board = new Scoreboard({ baseDir, workerId })
    board.claim()
    const place = new CommandPlace(board)
    place.#show()
    return place
  }

  begin(item: unknown, attempt: number): void {
    const text = itemBytes(item).subarray(0, MAX_ITEM).toString()
    this.#now = { item: text, attempt, since: performance.now(), output: '' }
    this.#rest = ''
    this.#show()
    this.#timer = setInterval(() => this.#show(), EVERY_MS)
  }

  /** The command has written something. */
  output(bytes: Buffer): void {
    if (this.#now === undefined) return
    // Only its end can matter, and a carriage return draws a line anew.
    const lines = (this.#rest + bytes.subarray(-4 * MAX_LINE).toString()).split(/[\r\n]+/)
    this.#rest = lines.pop()!.slice(-MAX_LINE)
    const last = this.#rest.trim() === '' ? lines.findLast((line) => line.trim() !== '') : this.#rest
    if (last !== undefined) this.#now.output = last.slice(0, MAX_LINE)
    this.#show()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#now = undefined
    this.#show()
  }

  #show(): void {
    const { item, attempt, since, output } = this.#now ?? {}
    if (item === undefined) {
      this.#board.update('idle')
      return
    }
    const seconds = Math.floor((performance.now() - since!) / 1000)
    this.#board.update({
      item,
      ...(attempt! > 1 ? { attempt: attempt! } : {}),
      seconds,
      ...(output === '' ? {} : { output: output! }),
    })
  }

  close(): void {
    clearInterval(this.#timer)
    this.#board.close()
  }
}
