// The native client as our own store uses it, without anything of ours around it.

import { OK, type Reply, type Request, type Session } from '../../lib/queue/store/zookeeper/protocol'
import { openLoopSession } from '../../lib/queue/store/zookeeper/session'
import { parseZookeeperUrl } from '../../lib/queue/store/zookeeper/url'

const SESSION_MS = 30_000

export class ZookeeperClient {
  readonly #session: Session

  private constructor(session: Session) {
    this.#session = session
  }

  static connect(hosts: string): Promise<ZookeeperClient> {
    const address = parseZookeeperUrl(`zk://${hosts}/rival`)
    return new Promise((resolve) => {
      const config = { hosts: address.hosts, timeoutMs: SESSION_MS }
      const session: Session = openLoopSession(config, (event) => {
        if (event.type === 'connected') resolve(new ZookeeperClient(session))
      })
    })
  }

  /** Throws on a code that is neither OK nor among `allowed`. */
  async call(request: Request, allowed: readonly number[] = []): Promise<Reply> {
    const reply = await this.#session.call(request)
    if (reply.rc !== OK && !allowed.includes(reply.rc))
      throw new Error(`${request.op} ${request.path}: ${reply.rc}`)
    return reply
  }

  close(): Promise<void> {
    return this.#session.close()
  }
}
