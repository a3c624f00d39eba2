// A second user of this machine.

import type { OtherUserRequest } from '../programs/other-user'
import { startReady } from './child'

/** Users that nobody is, but for `NOBODY` on most systems. */
export const NOBODY = 65534
export const SOMEBODY = 12345

export interface OtherUser {
  ask<T = unknown>(request: OtherUserRequest): Promise<{ value?: T; code?: string; message?: string }>
}

/** A process of another user; only root can start one. */
export async function otherUser(uid = NOBODY, gid = uid): Promise<OtherUser> {
  return startReady('other-user', String(uid), String(gid))
}

/** Skips the tests of a suite where this process is not root: it cannot be two users. */
export function onlyAsRoot(): void {
  before(function () {
    if (process.geteuid!() !== 0) this.skip()
  })
}
