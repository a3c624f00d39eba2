// The protocol of Net::ZooKeeper::WatchdogQueue, over the same native client, as a rival for the
// benchmark: one node per item, and a consume that lists them all, reads one, and deletes it; who
// loses the race for a node starts again.

import type { Reply, Request, Session } from '../../lib/watchdog/zookeeper-protocol'
import { NO_NODE, NODE_EXISTS, OK } from '../../lib/watchdog/zookeeper-protocol'
import { openLoopSession } from '../../lib/watchdog/zookeeper-session'

const SESSION_MS = 30_000

export class PerlProtocolQueue {
  readonly #session: Session
  readonly #root: string

  private constructor(session: Session, root: string) {
    this.#session = session
    this.#root = root
  }

  static async connect(hosts: string, root: string): Promise<PerlProtocolQueue> {
    const session = await new Promise<Session>((resolve) => {
      const opened: Session = openLoopSession({ connect: hosts, timeoutMs: SESSION_MS }, (event) => {
        if (event.type === 'connected') resolve(opened)
      })
    })
    return new PerlProtocolQueue(session, root)
  }

  async #call(request: Request, allowed: readonly number[] = []): Promise<Reply> {
    const reply = await this.#session.call(request)
    if (reply.rc !== OK && !allowed.includes(reply.rc))
      throw new Error(`${request.op} ${request.path}: ${reply.rc}`)
    return reply
  }

  async create(items: readonly string[]): Promise<void> {
    const make = (path: string, data: string) =>
      this.#call({ op: 'create', path, data: Buffer.from(data), ephemeral: false }, [NODE_EXISTS])
    await make(this.#root, '')
    await make(`${this.#root}/queue`, '')
    await Promise.all(items.map((item, i) => make(`${this.#root}/queue/${i}`, item)))
  }

  /** One item, or undefined when none is left. */
  async consume(): Promise<string | undefined> {
    for (;;) {
      const { children } = await this.#call({ op: 'list', path: `${this.#root}/queue`, watch: false })
      if (children!.length === 0) return undefined
      for (const name of children!) {
        const path = `${this.#root}/queue/${name}`
        const { rc, data } = await this.#call({ op: 'get', path, watch: false }, [NO_NODE])
        if (rc === NO_NODE) break
        const taken = await this.#call({ op: 'delete', path, version: -1 }, [NO_NODE])
        if (taken.rc === OK) return Buffer.from(data!).toString()
        break
      }
    }
  }

  close(): Promise<void> {
    return this.#session.close()
  }
}
