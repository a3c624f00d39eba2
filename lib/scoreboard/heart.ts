// The heart of a worker: as long as its event loop turns, it says so in its slot. Nothing here is on the path of an update.

import type { NativeBoard } from '../binding'

export class Heart {
  #timer: NodeJS.Timeout | undefined

  /** REQUIRES: the board has just claimed a slot. 0: no heart. */
  start(board: NativeBoard, everyMs: number): void {
    if (everyMs === 0) return
    board.startHeart(everyMs)
    const beat = () => {
      // Whoever looks for a stack wakes Node's inspector by SIGUSR1, and must not where the program uses it itself.
      const isLeftOpen = board.beat(process.listenerCount('SIGUSR1') > 0)
      if (isLeftOpen) process.getBuiltinModule('node:inspector').close()
    }
    this.#timer = setInterval(beat, everyMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
