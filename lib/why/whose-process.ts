// Whether the pid of a worker names its process for us too, and what of that process is refused to us.

import { HIDDEN_STATE, native, StatField } from '../binding'
import { isInUserNamespace } from '../util/users'
import { linkOf, ownerOf, statOf } from './proc'
import type { AskedWorker, StackRefusal } from './types'

/** Why the worker's process cannot be looked at or sent a signal under its pid; undefined: it can. */
export function whyNotIts({ state, pid, processStart, pidNamespace }: AskedWorker): StackRefusal | undefined {
  if (state === 'dead') return { code: 'dead', message: 'it is dead' }
  // Elsewhere nothing tells more of a process than its number.
  if (process.platform !== 'linux') return undefined
  if (native.pidNamespace === 0) {
    return {
      code: 'unsupported',
      message: '/proc is not mounted here, and nothing else tells whose pid that is',
    }
  }
  if (pidNamespace !== native.pidNamespace) {
    const message =
      'it runs in another pid namespace (another container), where its pid names another process than here'
    return { code: 'other-namespace', message }
  }
  const stat = statOf(pid)
  if (stat[StatField.state] === HIDDEN_STATE) {
    const message = `/proc shows nothing of its process ${pid} to us (hidepid): ask as its user or as root`
    return { code: 'other-user', message }
  }
  if (stat[StatField.state] !== 0) {
    if (stat[StatField.startTicks] === processStart) return undefined
    if (!sharesNamespace(pid, 'time')) {
      const message =
        'it seems to run in another time namespace (unshare -T, a restored checkpoint), where all starts and ages are others'
      return { code: 'other-namespace', message }
    }
  }
  return { code: 'gone', message: `its process ${pid} has ended` }
}

/** False also where we may not know. True on kernels without such namespaces. */
function sharesNamespace(pid: number, kind: string): boolean {
  return linkOf(`/proc/${pid}/ns/${kind}`) === linkOf(`/proc/self/ns/${kind}`)
}

/** Why we may not look into a process, or send it a signal: whose it is, who we are, and what helps. */
export function denialText(pid: number): string {
  const owner = ownerOf(pid)
  const us = process.geteuid!()
  const whose = `its process belongs to user ${owner}, and we are`
  if (us !== 0 && us !== owner) return `${whose} ${us}: ask as that user or as root`
  if (isInUserNamespace()) {
    return `${whose} user ${us} of a user namespace, which has no rights outside of it: ask outside, as that user or as root`
  }
  if (us !== 0) return `${whose} the same, but it has changed its user or its rights: ask as root`
  return `${whose} root without the right to it (CAP_SYS_PTRACE to look, CAP_KILL for signals; a container may have dropped them): ask as user ${owner}, or with all capabilities`
}

/** Where the inspector of a process can be talked to from here; else why not. */
export function whyOutOfReach(pid: number): StackRefusal | undefined {
  const us = process.geteuid!()
  const network = linkOf(`/proc/${pid}/ns/net`)
  if ((us !== 0 && us !== ownerOf(pid)) || network === undefined) {
    return { code: 'other-user', message: denialText(pid) }
  }
  if (network === linkOf('/proc/self/ns/net')) return undefined
  const message = 'it runs in another network namespace, where its inspector cannot be reached from here'
  return { code: 'other-namespace', message }
}
