// Users by number, as this process sees them. In a user namespace all those of the machine that it has no number for show as
// one, the overflow user, whoever they are; and a process that they do not include can have that very number.

import { kernelText } from './kernel-text'

const USUAL_OVERFLOW_USER = 65534
let overflowUser: number | undefined
const startedAs = process.geteuid?.()
/** `0 0 4294967295`: every number is itself, as outside of all user namespaces. */
const WHOLE = /^\s*0\s+0\s+4294967295\s*$/

/** Whether there are users of the machine that have no number here. */
export function isInUserNamespace(): boolean {
  const map = kernelText('/proc/self/uid_map')
  return map !== undefined && !WHOLE.test(map)
}

/** Whether that number may be any of several users. */
export function isNobodyKnown(uid: number): boolean {
  overflowUser ??= Number(kernelText('/proc/sys/kernel/overflowuid') ?? USUAL_OVERFLOW_USER)
  return uid === overflowUser && isInUserNamespace()
}

/** `user 1000`, with a word on a number that is no user's. */
export function userText(uid: number): string {
  if (!isNobodyKnown(uid)) return `user ${uid}`
  return `user ${uid} (in this user namespace anybody who has no number in it, so give the owner one, or work outside)`
}

/** What to say after EACCES in a process that has become another user; empty in any other. */
export function userHint(): string {
  const now = process.geteuid?.()
  if (now === startedAs) return ''
  return `; this process was user ${startedAs} and is user ${now} now: open it after the change of user, in a directory of that user`
}

/** Who we are, as those need it who have to change a right: `user 1000, groups 1000 and 2000`. */
export function usText(): string {
  const groups = [...new Set([process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])])]
  const shown = groups.slice(0, 8).join(', ')
  return `user ${process.geteuid?.()}, ${groups.length === 1 ? 'group' : 'groups'} ${shown}${groups.length > 8 ? ', ...' : ''}`
}
