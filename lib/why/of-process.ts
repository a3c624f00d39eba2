// The same for a process that is on no board, such as a command that has run out of time.

import { native, StatField } from '../binding'
import { childPids, isNode, statOf } from './proc'
import { stackOf } from './stack-of'
import type { StackOptions, WorkerStack } from './types'

const MOST_LOOKED_AT = 100

/**
 * Of the process itself where it is Node; else of the Node that it, a shell for one, has started; else what the kernel
 * knows of it. A listener of its own for SIGUSR1 is heard: no board tells of it.
 */
export function stackOfProcess(pid: number, options: StackOptions = {}): Promise<WorkerStack> {
  const asked = nodeOf(pid) ?? pid
  const name = { id: String(asked), pid: asked, threadId: 0, slot: 0, epoch: 0, updates: 0, startedAt: 0 }
  const now = { state: 'live', updatedAt: undefined, ageMs: undefined } as const
  const identity = { processStart: statOf(asked)[StatField.startTicks]!, pidNamespace: native.pidNamespace }
  return stackOf({ ...name, ...now, ...identity }, options)
}

/** Among the process and its descendants the first, the nearest before others. */
function nodeOf(pid: number): number | undefined {
  const pids = [pid]
  for (let at = 0; at < pids.length && at < MOST_LOOKED_AT; at++) {
    if (isNode(pids[at]!)) return pids[at]
    pids.push(...childPids(pids[at]!, pids[at]!))
  }
  return undefined
}
