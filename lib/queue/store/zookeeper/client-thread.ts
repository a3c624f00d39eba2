// Which thread of this process talks to ZooKeeper. The native client may be used by one thread
// of a process only, so the first connect decides: this thread (`heartbeat: 'loop'`), or a thread
// of ours (`'thread'`) that keeps the sessions alive while this one is blocked.

import { readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { WatchdogError } from '../../../util/errors'
import type { Heartbeat, OpenSession } from './protocol'
import { assertClientInstalled, closeAllSessions, openLoopSession } from './session'
import {
  openThreadSession,
  type SessionWorker,
  type SessionWorkerOptions,
  startSessionWorker,
} from './session-worker'

/** Where the sessions of this process live. */
export interface ClientThread {
  readonly openSession: OpenSession
  /** Who looks after runs there; undefined: whoever waits does so himself. */
  readonly startSessionWorker?: (options: SessionWorkerOptions) => SessionWorker
}

const LOOP: ClientThread = { openSession: openLoopSession }
const THREAD: ClientThread = { openSession: openThreadSession, startSessionWorker }

let home: Heartbeat | undefined

const NATIVE_CLIENT = /\/zookeeper\/.*\.node$/m

/** Whether another thread of this process has loaded the native client. Linux only; elsewhere false. */
function isLoadedElsewhere(): boolean {
  if (Object.keys(require.cache).some((path) => NATIVE_CLIENT.test(path))) return false
  try {
    return NATIVE_CLIENT.test(readFileSync('/proc/self/maps', 'utf8'))
  } catch {
    return false
  }
}

function refuse(why: string): never {
  throw new WatchdogError(
    'ERR_UNSUPPORTED',
    `${why}: the ZooKeeper client may be used by one thread of a process only`,
  )
}

export function chooseClientThread(heartbeat: Heartbeat): ClientThread {
  if (home === undefined) {
    assertClientInstalled()
    if (isLoadedElsewhere()) refuse('Another thread of this process has loaded the ZooKeeper client')
    home = heartbeat
    if (home === 'loop' && !isMainThread) process.once('exit', closeAllSessions)
  } else if (home === 'loop' && heartbeat === 'thread') {
    refuse("Option 'heartbeat' is 'thread', but an earlier connect of this process chose 'loop'")
  }
  return home === 'loop' ? LOOP : THREAD
}
