// Telling a board what only a parent knows: the exit codes and signals by which its workers ended.

import type { AnyScoreboard } from './scoreboard'

type ExitListener = (
  worker: { process: { pid?: number | undefined } },
  code: number | null,
  signal: string | null,
) => void

/** What tells of exits: `node:cluster` in its primary. */
export interface ExitSource {
  /** Calls it at each exit. */
  on(event: 'exit', listener: ExitListener): unknown
  /** Calls it no more. */
  removeListener(event: 'exit', listener: ExitListener): unknown
}

/** Undoes it. Calling it again is fine. */
export interface ExitNotes {
  (): void
  /** The same, for `using`. */
  [Symbol.dispose](): void
}

/**
 * Notes on the board how each worker of a cluster ends, so that pages and lists say `exited 1`, `SIGTERM` or
 * `SIGKILL` of the dead: `noteExits(cluster, board)` in the primary. For other children call `board.noteExit()`.
 */
export function noteExits(source: ExitSource, board: AnyScoreboard): ExitNotes {
  const note: ExitListener = ({ process: { pid } }, code, signal) => {
    if (pid === undefined) return
    try {
      if (!board.isInPlace) board.reopen()
      board.noteExit(pid, code, signal)
    } catch {
      // The board is closed, or gone: there is nobody to tell it to, and a primary must not end for it.
    }
  }
  source.on('exit', note)
  const undo = () => void source.removeListener('exit', note)
  return Object.assign(undo, { [Symbol.dispose]: undo })
}
