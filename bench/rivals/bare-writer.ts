// What the server and the native client allow at the most: a node that one session writes, one
// request after the other.

import { ZookeeperClient } from './zookeeper-client'

export class BareWriter {
  readonly #client: ZookeeperClient
  readonly #path: string

  private constructor(client: ZookeeperClient, path: string) {
    this.#client = client
    this.#path = path
  }

  static async connect(hosts: string, path: string): Promise<BareWriter> {
    const client = await ZookeeperClient.connect(hosts)
    await client.call({ op: 'create', path, data: Buffer.alloc(0), ephemeral: true, ownerOnly: false })
    return new BareWriter(client, path)
  }

  async write(text: string): Promise<void> {
    await this.#client.call({ op: 'set', path: this.#path, data: Buffer.from(text), version: -1 })
  }
}
