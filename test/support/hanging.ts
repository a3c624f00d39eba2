// Workers that hang in one way or another, and what is seen of their inspectors.

import { blockedForMs, type Scoreboard, type WorkerEntry } from '../../lib'
import { socketsOf, tcpSockets } from '../../lib/why/proc'
import { type Child, startChildWith } from './child'
import { eventually } from './eventually'

export interface Hanging {
  child: Child
  worker: WorkerEntry
}

/** Starts a worker, lets it hang in that way, and waits until the board calls it blocked, where it is. */
export async function startHanging(
  board: Scoreboard,
  how: string,
  { extra = [], node = [] }: { extra?: string[]; node?: string[] } = {},
): Promise<Hanging> {
  const options = JSON.stringify({ baseDir: board.baseDir, heartbeatMs: 50 })
  const child = startChildWith(node, 'hanging', options, how, ...extra)
  await child.message()
  child.process.send('hang')
  const isBlocking = !['turns', 'own-handler', 'serves'].includes(how)
  const worker = await eventually(() => {
    const found = board.snapshot().workers.find(({ pid, threadId, status }) => {
      return pid === child.pid && status !== undefined && threadId > 0 === (how === 'thread')
    })
    return found !== undefined && (!isBlocking || blockedForMs(found) !== undefined)
      ? found
      : (undefined as never)
  }, `a worker that hangs by '${how}'`)
  return { child, worker }
}

/** The ports on which a process listens. */
export function portsOf(pid: number): number[] {
  const own = socketsOf(pid)
  return tcpSockets(pid)
    .filter(({ inode, isListening }) => isListening && own.has(inode))
    .map(({ port }) => port)
}
