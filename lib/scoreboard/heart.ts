// The heart of a worker: as long as its event loop turns, the addon says so in its slot, by a timer of the loop that runs no
// JavaScript. Here is what needs some.

import type { NativeBoard } from '../binding'

/** REQUIRES: the board has just claimed a slot. Beats until the board is closed. 0: no heart. */
export function startHeart(board: NativeBoard, everyMs: number): void {
  if (everyMs === 0) return
  // Whoever looks for a stack wakes Node's inspector by SIGUSR1, and must not where the program uses it itself.
  const noteSigusr1 = () => board.noteSigusr1(process.listenerCount('SIGUSR1') > 0)
  noteSigusr1()
  board.startHeart(everyMs, (beatsLeftOpen) => {
    noteSigusr1()
    if (beatsLeftOpen > 0 && closesInspector(beatsLeftOpen)) board.endInspection()
  })
}

/** One that was asked for while nothing could run opens some turns later, once or, as Node asks itself in two ways, twice. */
const BEATS_TO_WATCH = 6

/** Closes an inspector that somebody has opened and left. Says whether that is over. */
function closesInspector(beat: number): boolean {
  const inspector = process.getBuiltinModule('node:inspector')
  if (inspector.url() !== undefined) inspector.close()
  return beat >= BEATS_TO_WATCH
}
