// The heart of a worker: as long as its event loop turns, it says so in its slot. Nothing here is on the path of an update.

import type { NativeBoard } from '../binding'

export class Heart {
  #timer: NodeJS.Timeout | undefined

  /** REQUIRES: the board has just claimed a slot. 0: no heart. */
  start(board: NativeBoard, everyMs: number): void {
    if (everyMs === 0) return
    board.startHeart(everyMs)
    let isHandled = false
    const beat = () => {
      // Whoever looks for a stack wakes Node's inspector by SIGUSR1, and must not where the program uses it itself.
      const isHandledNow = process.listenerCount('SIGUSR1') > 0
      if (isHandledNow !== isHandled) board.noteSigusr1(isHandledNow)
      isHandled = isHandledNow
      if (board.beat()) process.getBuiltinModule('node:inspector').close()
    }
    this.#timer = setInterval(beat, everyMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
