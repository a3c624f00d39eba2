// A hand on a queue in another process.

import type { ConnectOptions } from '../../lib'
import type { Order } from '../programs/queue-hand'
import { type Child, startChildWith } from './child'
import { SESSION_MS } from './queue'

export class Hand {
  readonly child: Child

  private constructor(clockOffMs: number, nodeOptions: readonly string[]) {
    this.child = startChildWith(nodeOptions, 'queue-hand', String(clockOffMs))
  }

  /** @param clockOffMs how far the clock of that process is off */
  static async on(
    url: string,
    options: ConnectOptions = {},
    clockOffMs = 0,
    nodeOptions: readonly string[] = [],
  ): Promise<Hand> {
    const hand = new Hand(clockOffMs, nodeOptions)
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
