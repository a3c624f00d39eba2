// What the processes of a fleet's round have in common: their orders, their part of the history, and the end.

import { setTimeout as delay } from 'node:timers/promises'
import { History } from './history'

export interface FleetOrders {
  url: string
  /** Unique in the round. */
  name: string
  machine: string
  boardDir: string
  historyDir: string
  sessionMs: number
}

export interface FleetRole extends FleetOrders {
  history: History
  /** Resolves with what the round says at its end. */
  told: Promise<unknown>
}

const PAUSE_MS = 100

export function takeOrders(): FleetRole {
  const orders = JSON.parse(process.argv[2]!) as FleetOrders
  const told = new Promise((resolve) => process.once('message', resolve))
  // A parent that is gone cannot stop anybody.
  process.on('disconnect', () => process.exit(1))
  return { ...orders, history: new History(orders.historyDir, orders.name), told }
}

/** Until it succeeds: servers may be down. */
export async function again<T>(work: () => Promise<T>, { history }: FleetRole): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      const { code = 'ERR_?', message } = error as Error & { code?: string }
      history.write({ op: 'failed', what: 'begin', code, message })
      await delay(PAUSE_MS)
    }
  }
}
