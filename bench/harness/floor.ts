// The native functions of bench/native/floor.cc: what reading could cost at the least.

import path from 'node:path'
import { FLOOR_ADDON } from './paths'

export interface FloorBoard {
  /** The first 64 bytes of each slot's status, side by side; returns how many slots there are. */
  copy(out: Uint8Array): number
  /** How many sequence numbers differ from `known`, which then has the new ones. */
  compare(known: BigUint64Array): number
}

interface FloorAddon {
  /** An epoll that waits for all of these descriptors. */
  epollOf(descriptors: Int32Array): number
  /** How many of them are ready now. */
  epollLook(epoll: number): number
  open(boardFile: string): FloorBoard
  /** A worker of that board, until the process ends. */
  openHeart(boardFile: string): { beats(count: number): void }
  pidfdOpen(pid: number): number
  /** Blocks until that process has ended; nanoseconds on the clock of process.hrtime. */
  pidfdWait(pidfd: number): number
}

export function loadFloor(): FloorAddon {
  return require(FLOOR_ADDON) as FloorAddon
}

export function openFloor(baseDir: string): FloorBoard {
  return loadFloor().open(path.join(baseDir, 'board'))
}
