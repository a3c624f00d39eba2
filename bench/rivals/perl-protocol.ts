// The protocol of Net::ZooKeeper::WatchdogQueue, over the same native client, as a rival for the
// benchmark: one node per item, and a consume that lists them all, reads one, and deletes it; who
// loses the race for a node starts again.

import { NO_NODE, NODE_EXISTS, OK } from '../../lib/queue/store/zookeeper/protocol'
import { ZookeeperClient } from './zookeeper-client'

export class PerlProtocolQueue {
  readonly #client: ZookeeperClient
  readonly #root: string

  private constructor(client: ZookeeperClient, root: string) {
    this.#client = client
    this.#root = root
  }

  static async connect(hosts: string, root: string): Promise<PerlProtocolQueue> {
    return new PerlProtocolQueue(await ZookeeperClient.connect(hosts), root)
  }

  async create(items: readonly string[]): Promise<void> {
    const make = (path: string, data: string) =>
      this.#client.call({ op: 'create', path, data: Buffer.from(data), ephemeral: false, ownerOnly: false }, [
        NODE_EXISTS,
      ])
    await make(this.#root, '')
    await make(`${this.#root}/queue`, '')
    await Promise.all(items.map((item, i) => make(`${this.#root}/queue/${i}`, item)))
  }

  /** One item, or undefined when none is left. */
  async consume(): Promise<string | undefined> {
    for (;;) {
      const { names } = await this.#client.call({ op: 'list', path: `${this.#root}/queue`, watch: false })
      if (names!.length === 0) return undefined
      for (const name of names!) {
        const path = `${this.#root}/queue/${name}`
        const { rc, data } = await this.#client.call({ op: 'get', path, watch: false }, [NO_NODE])
        if (rc === NO_NODE) break
        const taken = await this.#client.call({ op: 'delete', path, version: -1 }, [NO_NODE])
        if (taken.rc === OK) return Buffer.from(data!).toString()
        break
      }
    }
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}
