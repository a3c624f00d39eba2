// Which thread of this process talks to ZooKeeper. The native client may be used by one thread
// of a process only, so the first connect decides: this thread (`heartbeat: 'loop'`), or a thread
// of ours (`'thread'`) that keeps the sessions alive while this one is blocked.

import { readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { WatchdogError } from '../../../util/errors'
import type { Heartbeat, OpenSession } from './protocol'
import { assertClientInstalled, closeAllSessions, openLoopSession } from './session'
import { hireStaff, openThreadSession, type Staff, type StaffOptions } from './session-worker'

/** Where the sessions of this process live. */
export interface Home {
  readonly openSession: OpenSession
  /** Who looks after runs there; undefined: whoever waits does so himself. */
  readonly hireStaff?: (options: StaffOptions) => Staff
}

const LOOP: Home = { openSession: openLoopSession }
const THREAD: Home = { openSession: openThreadSession, hireStaff }

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

export function chooseHome(heartbeat: Heartbeat): Home {
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
