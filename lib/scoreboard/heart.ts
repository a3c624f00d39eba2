// The heart of a worker: as long as its event loop turns, it says so in its slot. Nothing here is on the path of an update.

import type { NativeBoard } from '../binding'

export class Heart {
  #timer: NodeJS.Timeout | undefined

  /** REQUIRES: the board has just claimed a slot. 0: no heart. */
  start(board: NativeBoard, everyMs: number): void {
    if (everyMs === 0) return
    board.startHeart(everyMs)
    let isHandled = false
    let overdue = 0
    const beat = () => {
      // Whoever looks for a stack wakes Node's inspector by SIGUSR1, and must not where the program uses it itself.
      const isHandledNow = process.listenerCount('SIGUSR1') > 0
      if (isHandledNow !== isHandled) board.noteSigusr1(isHandledNow)
      isHandled = isHandledNow
      overdue = board.beat() ? overdue + 1 : 0
      if (overdue > 0 && closesInspector(overdue)) board.endInspection()
    }
    this.#timer = setInterval(beat, everyMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** One that was asked for while nothing could run opens some turns later, once or, as Node asks itself in two ways, twice. */
const BEATS_TO_WATCH = 6

/** Closes an inspector that somebody has opened and left. Says whether that is over. */
function closesInspector(beat: number): boolean {
  const inspector = process.getBuiltinModule('node:inspector')
  if (inspector.url() !== undefined) inspector.close()
  return beat >= BEATS_TO_WATCH
}
