// A hand on a queue in another process.

import type { ConnectOptions } from '../../lib'
import type { Order } from '../children/queue-hand'
import { type Child, startChild } from './child'
import { SESSION_MS } from './queue'

export class Hand {
  readonly child: Child

  private constructor(clockOffMs: number) {
    this.child = startChild('queue-hand', String(clockOffMs))
  }

  /** @param clockOffMs how far the clock of that process is off */
  static async on(url: string, options: ConnectOptions = {}, clockOffMs = 0): Promise<Hand> {
    const hand = new Hand(clockOffMs)
    await hand.do('connect', '', url, { sessionTimeoutMs: SESSION_MS, ...options })
    return hand
  }

  async do<T = unknown>(target: Order['target'], method: string, ...args: unknown[]): Promise<T> {
    const answer = await this.child.ask<{ value?: T; error?: { code: string; message: string } }>({
      target,
      method,
      args,
    })
    if (answer.error !== undefined)
      throw Object.assign(new Error(answer.error.message), { code: answer.error.code })
    return answer.value as T
  }
}
