// What the processes of a round have in common: their orders, their part of the history, and going on
// after failures that are part of the game.

import { setTimeout as delay } from 'node:timers/promises'
import { type WatchdogError, WatchdogQueue } from '../../lib'
import { History } from './history'

export interface Orders {
  url: string
  /** Unique in the round. */
  name: string
  historyDir: string
  sessionMs: number
  /** Whether the queue keeps the results of items. */
  keepsResults: boolean
}

export interface Role extends Orders {
  history: History
  /** Whether the round is over for this role. */
  stopped(): boolean
}

/** Codes that a program on a broken machine or network has to live with. */
const EXPECTED = new Set([
  'ERR_TIMEOUT',
  'ERR_SESSION_LOST',
  'ERR_CONNECTION',
  'ERR_UNREACHABLE',
  'ERR_NO_SPACE',
  'ERR_AMBIGUOUS',
  'ERR_LEASE_LOST',
  // Of a timer that was expired and cleared meanwhile.
  'ERR_NOT_FOUND',
])

const PAUSE_MS = 100

export function codeOf(error: unknown): string {
  return (error as WatchdogError).code ?? (error as Error).name
}

/** Plays a life after the other, each on a handle of its own, until one ends without a failure. */
export async function play(
  life: (queue: WatchdogQueue<string>, role: Role, number: number) => Promise<void>,
): Promise<void> {
  const orders = JSON.parse(process.argv[2]!) as Orders
  let stopped = false
  process.on('message', () => {
    stopped = true
  })
  // A parent that is gone cannot stop anybody.
  const orphaned = () => process.exit(1)
  process.on('disconnect', orphaned)
  const role: Role = {
    ...orders,
    history: new History(orders.historyDir, orders.name),
    stopped: () => stopped,
  }
  process.send!('ready')
  for (let number = 0; ; number++) {
    let queue: WatchdogQueue<string> | undefined
    try {
      queue = await WatchdogQueue.connect<string>(role.url, {
        sessionTimeoutMs: role.sessionMs,
        connectTimeoutMs: 5000,
      })
      await life(queue, role, number)
      break
    } catch (error) {
      const code = codeOf(error)
      role.history.write({ op: 'failed', what: `life ${number}`, code, message: String(error) })
      if (!EXPECTED.has(code)) throw error
      await delay(PAUSE_MS)
    } finally {
      await queue?.close().catch(() => {})
    }
  }
  process.off('disconnect', orphaned)
  process.disconnect()
}

/** A number from 0 to below `limit`. */
export function random(limit: number): number {
  return Math.floor(Math.random() * limit)
}
