// The handles of this thread that own a slot. They are kept alive here, because garbage collection must never end
// a worker; they end with the thread, in the way that its exit code says; and as long as there are any, their
// directories are locked against whatever sweeps old files away.

import { native } from '../binding'

/** What is asked of a handle here. */
export interface SlotOwner {
  readonly baseDir: string
  readonly boardId: string
  readonly workerId: string | undefined
  /** Ends the handle as an exit with this code does. */
  exit(code: number): void
}

const owners = new Set<SlotOwner>()

/** One lock serves all handles of this thread on a directory: each costs a descriptor. */
const directories = new Map<string, { owners: number; unlock: (() => void) | undefined }>()

function endAll(code: number): void {
  for (const owner of owners) owner.exit(code)
}

/** REQUIRES: it has just taken a slot. */
export function addOwner(owner: SlotOwner): void {
  if (owners.size === 0) process.on('exit', endAll)
  owners.add(owner)
  const directory = directories.get(owner.baseDir)
  // systemd-tmpfiles leaves alone what lies below a directory on which somebody has a BSD lock.
  if (directory === undefined)
    directories.set(owner.baseDir, { owners: 1, unlock: native.shareDirectory(owner.baseDir) })
  else directory.owners++
}

/** Calling it again is fine. */
export function removeOwner(owner: SlotOwner): void {
  if (!owners.delete(owner)) return
  if (owners.size === 0) process.removeListener('exit', endAll)
  const directory = directories.get(owner.baseDir)!
  if (--directory.owners > 0) return
  directories.delete(owner.baseDir)
  directory.unlock?.()
}

/** Living workers for certain, so that a thousand handles need not ask a thousand times each. */
export function idsOfThisThread(boardId: string): Set<string | undefined> {
  const ids = new Set<string | undefined>()
  for (const owner of owners) if (owner.boardId === boardId) ids.add(owner.workerId)
  return ids
}
